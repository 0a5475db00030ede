/* What the sources of the runtime share: each begins with this text.

   A table is int64 words, step after step. An operand is a pair of words (argument, byte offset).
   A step of several jobs is spread over the pool; what a job does depends on the table only, never
   on which thread does it or on how many there are, so results repeat bit for bit. Steps begin with
   their kind and their number of words; then there are for

   KERNEL      function, operands m, axes r, the axis that jobs share or -1, jobs, the word at which
               constants begin, bytes of scratch, the multiple at which the axis is cut; r sizes;
               m times an operand and the bytes from one job's to the next's; m times r strides in
               bytes; constants
   GEMM        whether of doubles, whether A and B are transposed, M, N, K; A, B and C, each with
               the elements from row to row; alpha, beta, an operand by which alpha is multiplied or
               (-1, 0); jobs, what is watched for
   GEMV        whether of doubles, whether A is transposed, rows, columns; A with the elements from
               row to row, x and y with those to the next; the rest as GEMM has it
   COPY        target, source, bytes, jobs
   GEMM_BATCH  as GEMM up to jobs; the number of products, the bytes from one A, B and C to the
               next, what is watched for */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef union {
    int64_t i;
    uint64_t u;
    double d;
    float f;
} arn_value;

enum kind { KERNEL = 1, GEMM, GEMV, COPY, GEMM_BATCH };

/* What a job returns, as bits: it failed; it wrote a value that its step watches for. */
enum { FAILED = 1, WATCHED = 2 };

/* One job of a step. */
typedef int (*arn_job)(const int64_t *step, char *const *args, int64_t job);

#define LINE 64

static inline int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }
static inline int64_t larger(int64_t x, int64_t y) { return x > y ? x : y; }

static inline char *operand(const int64_t *pair, char *const *args)
{
    return args[pair[0]] + pair[1];
}

static inline double double_of(int64_t word)
{
    arn_value value;
    value.i = word;
    return value.d;
}

/* The bounds of one of `jobs` shares of 0..n, which are multiples of `unit` except the end. */
static void share(int64_t n, int64_t unit, int64_t jobs, int64_t job, int64_t *lo, int64_t *hi)
{
    int64_t units = n / unit + (n % unit != 0);
    int64_t each = units / jobs, more = units % jobs;
    *lo = smaller(n, unit * (job * each + smaller(job, more)));
    *hi = smaller(n, unit * ((job + 1) * each + smaller(job + 1, more)));
}

/* ---- memory of a thread ---- */

struct buffer {
    size_t size;
    char *bytes;
};

static pthread_key_t buffer_key;

static void free_buffer(void *known)
{
    struct buffer *buffer = known;
    free(buffer->bytes);
    free(buffer);
}

static struct buffer *grow(struct buffer *buffer, size_t size)
{
    void *bytes;
    if (!buffer) {
        if (!(buffer = calloc(1, sizeof *buffer)))
            return NULL;
        if (pthread_setspecific(buffer_key, buffer)) {
            free(buffer);
            return NULL;
        }
    }
    size += size / 2 + 4096;
    if (posix_memalign(&bytes, LINE, size))
        return NULL;
    free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->size = size;
    return buffer;
}

/* Room for `size` bytes that this thread may use until it asks again; NULL if there is none. */
static char *room(size_t size)
{
    struct buffer *buffer = pthread_getspecific(buffer_key);
    if (!buffer || buffer->size < size)
        buffer = grow(buffer, size);
    return buffer ? buffer->bytes : NULL;
}

__attribute__((constructor)) static void make_buffer_key(void)
{
    pthread_key_create(&buffer_key, free_buffer);
}
