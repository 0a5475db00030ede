/* The fixed runtime of the C executor: runs a table of steps, and holds the threads that share them.

   A table is int64 words, step after step: word 0 of a step is its kind, word 1 its length in
   words; runtime.py writes them and says what the others mean. An operand is a pair of words
   (argument, byte offset). A step of several jobs is spread over the pool; what a job does depends
   on the table only, never on which thread does it or on how many there are, so results repeat
   bit for bit. */

#define _POSIX_C_SOURCE 200809L

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef union {
    int64_t i;
    uint64_t u;
    double d;
    float f;
} arn_value;

typedef int (*arn_kernel)(char *const *p, const int64_t *lo, const int64_t *hi, const int64_t *s,
                          const arn_value *c, char *scratch);

/* What a job returns, as bits: it failed; it wrote a value that its step watches for. */
enum { FAILED = 1, WATCHED = 2 };

/* Which values a step watches for. */
enum watch { NOTHING, WATCH_NAN, WATCH_NON_FINITE, WATCH_BIG };

/* One job of a step. */
typedef int (*arn_job)(const int64_t *step, char *const *args, int64_t job);

typedef void (*arn_sgemm)(int order, int transA, int transB, int M, int N, int K, float alpha,
                          const float *A, int lda, const float *B, int ldb, float beta, float *C,
                          int ldc);
typedef void (*arn_dgemm)(int order, int transA, int transB, int M, int N, int K, double alpha,
                          const double *A, int lda, const double *B, int ldb, double beta,
                          double *C, int ldc);
typedef void (*arn_sgemv)(int order, int trans, int M, int N, float alpha, const float *A, int lda,
                          const float *x, int incx, float beta, float *y, int incy);
typedef void (*arn_dgemv)(int order, int trans, int M, int N, double alpha, const double *A,
                          int lda, const double *x, int incx, double beta, double *y, int incy);

enum kind { KERNEL = 1, GEMM, GEMV, COPY, FILL, GEMM_BATCH };

#define LINE 64
#define SPIN_NS 30000
/* Times that a waiting thread looks before it asks for the time. */
#define LOOKS 16
#define MAX_THREADS 1024
/* Rows and columns of a product go to jobs in multiples of the BLAS kernels' unroll. */
#define UNROLL 16
#define COPY_UNIT 4096
/* BLAS counts in 32 bits: longer axes go in pieces. A test compiles with short ones. */
#ifndef ARN_BLAS_PIECE
#define ARN_BLAS_PIECE ((int64_t)1 << 30)
#endif

static inline int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }
static inline int64_t larger(int64_t x, int64_t y) { return x > y ? x : y; }

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
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

/* ---- the pool ---- */

/* `left` counts the jobs that nobody has taken. Who lowers it by one has taken a job of the task
   that is on now: the caller ends a task only when each taken job is done, so a thread reads the
   task only after it took a job, and one that comes late finds nothing to take. */
static struct {
    int64_t left __attribute__((aligned(LINE)));
    int64_t done __attribute__((aligned(LINE)));
    int failed;
    int caller_sleeps;

    arn_job job __attribute__((aligned(LINE)));
    const int64_t *step;
    char *const *args;
    int64_t jobs;

    pthread_mutex_t owner; /* held while a task is on, or while threads are started or ended */
    int threads;           /* as arn_set_threads wants it */
    int started;           /* whether the workers for that were started */
    int workers;
    pthread_t *ids;

    pthread_mutex_t sleep;
    pthread_cond_t wake, finished;
    int sleepers;
    int quit;
} pool = {
    .threads = 1,
    .owner = PTHREAD_MUTEX_INITIALIZER,
    .sleep = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .finished = PTHREAD_COND_INITIALIZER,
};

/* The loads and stores below that decide about sleeping are sequentially consistent: a thread
   first says that it sleeps and then looks for work, the other side the reverse. */
static inline int64_t look(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline int flag(const int *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void set_flag(int *word, int to) { __atomic_store_n(word, to, __ATOMIC_SEQ_CST); }

static int jobs_left(void) { return look(&pool.left) > 0 || flag(&pool.quit); }
static int all_done(void) { return look(&pool.done) == pool.jobs; }

/* Whether something became true within the time for which waiting awake is worth it. */
static int spin(int (*ready)(void))
{
    int64_t end = now() + SPIN_NS;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (ready())
                return 1;
            pause_briefly();
        }
    } while (now() < end);
    return 0;
}

static void finish_job(int64_t jobs, int failed)
{
    if (failed)
        __atomic_fetch_or(&pool.failed, failed, __ATOMIC_RELAXED);
    /* After the last one the caller may go on to another task, to which a wake does no harm. */
    if (__atomic_add_fetch(&pool.done, 1, __ATOMIC_SEQ_CST) == jobs && flag(&pool.caller_sleeps)) {
        pthread_mutex_lock(&pool.sleep);
        pthread_cond_signal(&pool.finished);
        pthread_mutex_unlock(&pool.sleep);
    }
}

/* Does jobs of the task that is on until none is left to take. */
static void work(void)
{
    int64_t left = __atomic_load_n(&pool.left, __ATOMIC_RELAXED);
    while (left > 0) {
        if (!__atomic_compare_exchange_n(&pool.left, &left, left - 1, 1, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        int64_t jobs = pool.jobs;
        finish_job(jobs, pool.job(pool.step, pool.args, jobs - left));
        left = __atomic_load_n(&pool.left, __ATOMIC_RELAXED);
    }
}

static void sleep_for_jobs(void)
{
    pthread_mutex_lock(&pool.sleep);
    __atomic_add_fetch(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
    while (!jobs_left())
        pthread_cond_wait(&pool.wake, &pool.sleep);
    __atomic_sub_fetch(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&pool.sleep);
}

static void *worker(void *unused)
{
    (void)unused;
    for (;;) {
        if (!spin(jobs_left))
            sleep_for_jobs();
        if (flag(&pool.quit))
            return NULL;
        work();
    }
}

/* Signals are for Python's threads; but a crash is told where it happens. */
static void block_signals(sigset_t *before)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigdelset(&all, crashes[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* Where the system gives no more threads, those that there are do the work. */
static void start_workers(void)
{
    sigset_t before;
    pool.started = 1;
    pool.ids = calloc((size_t)pool.threads, sizeof *pool.ids);
    if (!pool.ids)
        return;
    block_signals(&before);
    while (pool.workers < pool.threads - 1 &&
           pthread_create(&pool.ids[pool.workers], NULL, worker, NULL) == 0)
        pool.workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_workers(void)
{
    set_flag(&pool.quit, 1);
    pthread_mutex_lock(&pool.sleep);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.sleep);
    for (int i = 0; i < pool.workers; i++)
        pthread_join(pool.ids[i], NULL);
    set_flag(&pool.quit, 0);
    free(pool.ids);
    pool.ids = NULL;
    pool.workers = pool.started = 0;
}

/* A child of a fork has none of the threads, and its locks may be held by threads that it lost. */
static void forget_workers(void)
{
    static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    pool.owner = pool.sleep = mutex;
    pool.wake = pool.finished = cond;
    pool.ids = NULL; /* not freed: the fork may have come while another thread did that */
    pool.workers = pool.started = pool.sleepers = pool.quit = pool.caller_sleeps = 0;
    pool.left = 0;
}

__attribute__((constructor)) static void load_runtime(void)
{
    pthread_key_create(&buffer_key, free_buffer);
    pthread_atfork(NULL, NULL, forget_workers);
}

static void wake_workers(int64_t wanted)
{
    if (flag(&pool.sleepers) == 0)
        return;
    pthread_mutex_lock(&pool.sleep);
    if (wanted >= flag(&pool.sleepers))
        pthread_cond_broadcast(&pool.wake);
    else
        while (wanted-- > 0)
            pthread_cond_signal(&pool.wake);
    pthread_mutex_unlock(&pool.sleep);
}

/* Awake for a while; then asleep, so that this core is free for a worker that lost its own. */
static void wait_for_taken_jobs(void)
{
    if (spin(all_done))
        return;
    pthread_mutex_lock(&pool.sleep);
    set_flag(&pool.caller_sleeps, 1);
    while (!all_done())
        pthread_cond_wait(&pool.finished, &pool.sleep);
    set_flag(&pool.caller_sleeps, 0);
    pthread_mutex_unlock(&pool.sleep);
}

static int do_alone(arn_job job, const int64_t *step, char *const *args, int64_t jobs)
{
    int failed = 0;
    for (int64_t j = 0; j < jobs; j++)
        failed |= job(step, args, j);
    return failed;
}

/* All jobs of a step; alone where the pool has no workers or does the work of another thread. */
static int spread(arn_job job, const int64_t *step, char *const *args, int64_t jobs)
{
    if (pthread_mutex_trylock(&pool.owner))
        return do_alone(job, step, args, jobs);
    if (!pool.started && pool.threads > 1)
        start_workers();
    if (pool.workers == 0) {
        pthread_mutex_unlock(&pool.owner);
        return do_alone(job, step, args, jobs);
    }
    pool.job = job;
    pool.step = step;
    pool.args = args;
    pool.jobs = jobs;
    pool.failed = 0;
    __atomic_store_n(&pool.done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pool.left, jobs, __ATOMIC_SEQ_CST);
    wake_workers(jobs - 1);
    work();
    wait_for_taken_jobs();
    int failed = __atomic_load_n(&pool.failed, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&pool.owner);
    return failed;
}

/* ---- steps ---- */

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

static int kernel_job(const int64_t *step, char *const *args, int64_t job)
{
    int64_t m = step[3], r = step[4], split = step[5];
    const int64_t *n = step + 10, *triple = n + r, *strides = triple + 3 * m;
    const arn_value *constants = (const arn_value *)(step + step[7]);
    size_t scratch = ((size_t)step[8] + LINE - 1) / LINE * LINE;
    char *bytes = room(scratch + (size_t)(m + 2 * r) * 8);
    if (!bytes)
        return 1;
    char **p = (char **)(bytes + scratch);
    int64_t *lo = (int64_t *)(bytes + scratch + (size_t)m * 8), *hi = lo + r;
    for (int64_t i = 0; i < m; i++, triple += 3)
        p[i] = operand(triple, args) + job * triple[2];
    for (int64_t a = 0; a < r; a++) {
        lo[a] = 0;
        hi[a] = n[a];
    }
    if (split >= 0 && step[6] > 1)
        share(n[split], step[9], step[6], job, &lo[split], &hi[split]);
    arn_kernel kernel = (arn_kernel)(uintptr_t)step[2];
    return kernel(p, lo, hi, strides, constants, scratch ? bytes : NULL);
}

static int copy_job(const int64_t *step, char *const *args, int64_t job)
{
    int64_t lo, hi;
    share(step[6], COPY_UNIT, step[7], job, &lo, &hi);
    if (lo < hi)
        memcpy(operand(step + 2, args) + lo, operand(step + 4, args) + lo, (size_t)(hi - lo));
    return 0;
}

static int fill_job(const int64_t *step, char *const *args, int64_t job)
{
    int64_t lo, hi;
    share(step[4], COPY_UNIT, step[5], job, &lo, &hi);
    if (lo < hi)
        memset(operand(step + 2, args) + lo, 0, (size_t)(hi - lo));
    return 0;
}

/* ---- products ---- */

enum { ROW_MAJOR = 101, AS_STORED = 111, TRANSPOSED = 112 };

static arn_sgemm sgemm;
static arn_dgemm dgemm;
static arn_sgemv sgemv;
static arn_dgemv dgemv;

/* y = alpha op(A) x + beta y; A is M x N as stored. */
struct vector_product {
    int64_t dtype, trans, M, N, lda, incx, incy;
    char *A, *x, *y;
    double alpha, beta;
};

/* C = alpha op(A) op(B) + beta C; op(A) is M x K, op(B) is K x N. */
struct product {
    int64_t dtype, transA, transB, M, N, K, lda, ldb, ldc;
    char *A, *B, *C;
    double alpha, beta;
};

static inline int64_t item(int64_t dtype) { return dtype ? 8 : 4; }

/* alpha times the one element that a step names, if it does. */
static double scaled(double alpha, const int64_t *pair, char *const *args, int64_t dtype)
{
    float f;
    double d;
    if (pair[0] < 0)
        return alpha;
    if (dtype) {
        memcpy(&d, operand(pair, args), sizeof d);
        return alpha * d;
    }
    memcpy(&f, operand(pair, args), sizeof f);
    return alpha * f;
}

/* A stride that BLAS takes: what separates fewer than two things may be anything. */
static int64_t stride_for(int64_t count, int64_t stride, int64_t least)
{
    return count > 1 ? stride : smaller(larger(least, 1), INT_MAX);
}

static int fits(int64_t stride, int64_t least)
{
    return stride >= smaller(larger(least, 1), INT_MAX) && stride <= INT_MAX;
}

/* y = beta y; a beta of 0 never reads it, so that NaN there is forgotten. */
static void scale(int64_t dtype, double beta, int64_t n, char *y, int64_t stride)
{
    if (beta == 1)
        return;
    for (int64_t i = 0; i < n; i++) {
        if (dtype)
            ((double *)y)[i * stride] = beta == 0 ? 0 : beta * ((double *)y)[i * stride];
        else
            ((float *)y)[i * stride] = beta == 0 ? 0 : (float)beta * ((float *)y)[i * stride];
    }
}

/* `at` is the first element; BLAS wants the lowest in memory. */
static char *lowest(char *at, int64_t count, int64_t stride, int64_t size)
{
    return stride < 0 ? at + (count - 1) * stride * size : at;
}

/* A vector product that fits 32 bits, added to y. */
static void add_vector_piece(const struct vector_product *v, int64_t row, int64_t rows, int64_t col,
                             int64_t cols)
{
    int64_t size = item(v->dtype);
    int64_t in = v->trans ? row : col, ins = v->trans ? rows : cols;
    int64_t out = v->trans ? col : row, outs = v->trans ? cols : rows;
    int trans = v->trans ? TRANSPOSED : AS_STORED, M = (int)rows, N = (int)cols;
    int lda = (int)v->lda, incx = (int)v->incx, incy = (int)v->incy;
    void *A = v->A + (row * v->lda + col) * size;
    void *x = lowest(v->x + in * v->incx * size, ins, v->incx, size);
    void *y = lowest(v->y + out * v->incy * size, outs, v->incy, size);
    if (v->dtype)
        dgemv(ROW_MAJOR, trans, M, N, v->alpha, A, lda, x, incx, 1, y, incy);
    else
        sgemv(ROW_MAJOR, trans, M, N, (float)v->alpha, A, lda, x, incx, 1, y, incy);
}

static int multiply_vector(struct vector_product v)
{
    int64_t ins = v.trans ? v.M : v.N, outs = v.trans ? v.N : v.M;
    v.lda = stride_for(v.M, v.lda, v.N);
    v.incx = stride_for(ins, v.incx, 1);
    v.incy = stride_for(outs, v.incy, 1);
    if (!sgemv || !fits(v.lda, v.N) || !fits(llabs(v.incx), 1) ||
        !fits(llabs(v.incy), 1))
        return 1;
    scale(v.dtype, v.beta, outs, v.y, v.incy);
    for (int64_t row = 0; row < v.M; row += ARN_BLAS_PIECE)
        for (int64_t col = 0; col < v.N; col += ARN_BLAS_PIECE)
            add_vector_piece(&v, row, smaller(v.M - row, ARN_BLAS_PIECE), col,
                             smaller(v.N - col, ARN_BLAS_PIECE));
    return 0;
}

/* A product with one column or one row, as a matrix times a vector. */
static int multiply_thin(const struct product *q)
{
    struct vector_product v = {.dtype = q->dtype, .alpha = q->alpha, .beta = q->beta, .y = q->C};
    int column = q->N == 1;
    v.trans = column ? q->transA : !q->transB;
    v.A = column ? q->A : q->B;
    v.lda = column ? q->lda : q->ldb;
    v.x = column ? q->B : q->A;
    v.incx = column ? (q->transB ? 1 : q->ldb) : (q->transA ? q->lda : 1);
    v.incy = column ? q->ldc : 1;
    v.M = v.trans ? q->K : larger(q->M, q->N);
    v.N = v.trans ? larger(q->M, q->N) : q->K;
    return multiply_vector(v);
}

/* A product that fits 32 bits: the columns k.. of op(A) times the rows k.. of op(B). */
static void multiply_piece(const struct product *q, int64_t i, int64_t j, int64_t k)
{
    int64_t size = item(q->dtype);
    int transA = q->transA ? TRANSPOSED : AS_STORED, transB = q->transB ? TRANSPOSED : AS_STORED;
    int M = (int)smaller(q->M - i, ARN_BLAS_PIECE), N = (int)smaller(q->N - j, ARN_BLAS_PIECE);
    int K = (int)smaller(q->K - k, ARN_BLAS_PIECE);
    int lda = (int)q->lda, ldb = (int)q->ldb, ldc = (int)q->ldc;
    void *A = q->A + (q->transA ? k * q->lda + i : i * q->lda + k) * size;
    void *B = q->B + (q->transB ? j * q->ldb + k : k * q->ldb + j) * size;
    void *C = q->C + (i * q->ldc + j) * size;
    double beta = k ? 1 : q->beta;
    if (q->dtype)
        dgemm(ROW_MAJOR, transA, transB, M, N, K, q->alpha, A, lda, B, ldb, beta, C, ldc);
    else
        sgemm(ROW_MAJOR, transA, transB, M, N, K, (float)q->alpha, A, lda, B, ldb, (float)beta, C,
              ldc);
}

/* Whether rows have a value that is watched for. As wide as the values, for the vectoriser. */
#define WATCHING(name, type, flag, magnitude)                                                      \
    static int name(int64_t watch, int64_t rows, int64_t n, const type *at, int64_t stride)        \
    {                                                                                              \
        flag odd = 0;                                                                              \
        for (int64_t i = 0; i < rows; i++, at += stride)                                           \
            if (watch == WATCH_NAN) {                                                              \
                _Pragma("omp simd reduction(|: odd)") for (int64_t j = 0; j < n; j++) odd |=       \
                    at[j] == at[j] ? 0 : 1;                                                        \
            } else if (watch == WATCH_NON_FINITE) {                                                \
                _Pragma("omp simd reduction(|: odd)") for (int64_t j = 0; j < n; j++) odd |=       \
                    at[j] - at[j] == 0 ? 0 : 1;                                                    \
            } else {                                                                               \
                _Pragma("omp simd reduction(|: odd)") for (int64_t j = 0; j < n; j++) odd |=       \
                    magnitude(at[j]) <= (type)1e10 ? 0 : 1;                                        \
            }                                                                                      \
        return odd ? WATCHED : 0;                                                                  \
    }
WATCHING(watch_floats, float, uint32_t, fabsf)
WATCHING(watch_doubles, double, uint64_t, fabs)

/* WATCHED where a product has written a value that is watched for. */
static int look_at(int64_t watch, int64_t dtype, int64_t rows, int64_t n, const char *at,
                   int64_t stride)
{
    if (!watch)
        return 0;
    return dtype ? watch_doubles(watch, rows, n, (const double *)at, stride)
                 : watch_floats(watch, rows, n, (const float *)at, stride);
}

/* ---- small products with a transposed B ----
   Their elements are sums across vectors, so that OpenBLAS needs two to three times as long for
   them as for others. To transpose B first takes less where K is not much larger than M. */

#if defined(__SSE2__)
#include <emmintrin.h>

#define MAX_TURNED 8192

static inline void turn_floats(const float *from, int64_t ld, float *to, int64_t ld_to)
{
    __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + ld);
    __m128 c = _mm_loadu_ps(from + 2 * ld), d = _mm_loadu_ps(from + 3 * ld);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(to, a);
    _mm_storeu_ps(to + ld_to, b);
    _mm_storeu_ps(to + 2 * ld_to, c);
    _mm_storeu_ps(to + 3 * ld_to, d);
}

static inline void turn_doubles(const double *from, int64_t ld, double *to, int64_t ld_to)
{
    __m128d a = _mm_loadu_pd(from), b = _mm_loadu_pd(from + ld);
    _mm_storeu_pd(to, _mm_unpacklo_pd(a, b));
    _mm_storeu_pd(to + ld_to, _mm_unpackhi_pd(a, b));
}

/* The transpose of a matrix, by blocks that `block` transposes, then what is left at two edges. */
#define TURNING(name, type, block, edge)                                                           \
    static void name(const type *from, int64_t ld, int64_t rows, int64_t n, type *to)              \
    {                                                                                              \
        int64_t whole = rows - rows % edge, wide = n - n % edge;                                   \
        for (int64_t i = 0; i < whole; i += edge)                                                  \
            for (int64_t j = 0; j < wide; j += edge)                                               \
                block(from + i * ld + j, ld, to + j * rows + i, rows);                             \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t j = i < whole ? wide : 0; j < n; j++)                                     \
                to[j * rows + i] = from[i * ld + j];                                               \
    }
TURNING(turn_float_matrix, float, turn_floats, 4)
TURNING(turn_double_matrix, double, turn_doubles, 2)

static void turn_small(struct product *q)
{
    if (q->transA || !q->transB || q->K > 2 * q->M || q->N * q->K > MAX_TURNED ||
        (double)q->M * (double)(q->N * q->K) > 1e6)
        return;
    char *turned = room((size_t)(q->N * q->K * item(q->dtype)));
    if (!turned)
        return;
    if (q->dtype)
        turn_double_matrix((double *)q->B, q->ldb, q->N, q->K, (double *)turned);
    else
        turn_float_matrix((float *)q->B, q->ldb, q->N, q->K, (float *)turned);
    q->B = turned;
    q->ldb = q->N;
    q->transB = 0;
}
#else
static void turn_small(struct product *q) { (void)q; }
#endif

static int multiply(struct product q)
{
    if (q.M == 0 || q.N == 0)
        return 0;
    if (q.K == 0) {
        for (int64_t i = 0; i < q.M; i++)
            scale(q.dtype, q.beta, q.N, q.C + i * q.ldc * item(q.dtype), 1);
        return 0;
    }
    if (q.M == 1 || q.N == 1)
        return multiply_thin(&q);
    int64_t rowsA = q.transA ? q.K : q.M, colsA = q.transA ? q.M : q.K;
    int64_t rowsB = q.transB ? q.N : q.K, colsB = q.transB ? q.K : q.N;
    q.lda = stride_for(rowsA, q.lda, colsA);
    q.ldb = stride_for(rowsB, q.ldb, colsB);
    if (!sgemm || !fits(q.lda, colsA) || !fits(q.ldb, colsB) || !fits(q.ldc, q.N))
        return 1;
    turn_small(&q);
    for (int64_t i = 0; i < q.M; i += ARN_BLAS_PIECE)
        for (int64_t j = 0; j < q.N; j += ARN_BLAS_PIECE)
            for (int64_t k = 0; k < q.K; k += ARN_BLAS_PIECE)
                multiply_piece(&q, i, j, k);
    return 0;
}

static struct product product_of(const int64_t *step, char *const *args)
{
    struct product q = {
        .dtype = step[2], .transA = step[3], .transB = step[4],
        .M = step[5], .N = step[6], .K = step[7],
        .A = operand(step + 8, args), .lda = step[10],
        .B = operand(step + 11, args), .ldb = step[13],
        .C = operand(step + 14, args), .ldc = step[16],
        .alpha = scaled(double_of(step[17]), step + 19, args, step[2]),
        .beta = double_of(step[18]),
    };
    return q;
}

/* The longer axis of C is shared out. */
static int gemm_job(const int64_t *step, char *const *args, int64_t job)
{
    struct product q = product_of(step, args);
    int64_t lo, hi, size = item(q.dtype);
    if (q.M >= q.N) {
        share(q.M, UNROLL, step[21], job, &lo, &hi);
        q.A += lo * (q.transA ? 1 : q.lda) * size;
        q.C += lo * q.ldc * size;
        q.M = hi - lo;
    } else {
        share(q.N, UNROLL, step[21], job, &lo, &hi);
        q.B += lo * (q.transB ? q.ldb : 1) * size;
        q.C += lo * size;
        q.N = hi - lo;
    }
    return multiply(q) | look_at(step[22], q.dtype, q.M, q.N, q.C, q.ldc);
}

static int gemm_batch_job(const int64_t *step, char *const *args, int64_t job)
{
    struct product first = product_of(step, args);
    int64_t lo, hi;
    int failed = 0;
    share(step[22], 1, step[21], job, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        struct product q = first;
        q.A += b * step[23];
        q.B += b * step[24];
        q.C += b * step[25];
        failed |= multiply(q) | look_at(step[26], q.dtype, q.M, q.N, q.C, q.ldc);
    }
    return failed;
}

static int gemv_job(const int64_t *step, char *const *args, int64_t job)
{
    struct vector_product v = {
        .dtype = step[2], .trans = step[3], .M = step[4], .N = step[5],
        .A = operand(step + 6, args), .lda = step[8],
        .x = operand(step + 9, args), .incx = step[11],
        .y = operand(step + 12, args), .incy = step[14],
        .alpha = scaled(double_of(step[15]), step + 17, args, step[2]),
        .beta = double_of(step[16]),
    };
    int64_t lo, hi, size = item(v.dtype);
    share(v.trans ? v.N : v.M, UNROLL, step[19], job, &lo, &hi);
    v.A += lo * (v.trans ? 1 : v.lda) * size;
    v.y += lo * v.incy * size;
    *(v.trans ? &v.N : &v.M) = hi - lo;
    return hi > lo ? multiply_vector(v) | look_at(step[20], v.dtype, hi - lo, 1, v.y, v.incy) : 0;
}

/* ---- the interpreter ---- */

static inline int do_jobs(arn_job job, const int64_t *step, char *const *args, int64_t jobs)
{
    return jobs == 1 ? job(step, args, 0) : spread(job, step, args, jobs);
}

static int run_step(const int64_t *step, char *const *args)
{
    switch (step[0]) {
    case KERNEL:
        return do_jobs(kernel_job, step, args, step[6]);
    case GEMM:
        return do_jobs(gemm_job, step, args, step[21]);
    case GEMV:
        return do_jobs(gemv_job, step, args, step[19]);
    case COPY:
        return do_jobs(copy_job, step, args, step[7]);
    case FILL:
        return do_jobs(fill_job, step, args, step[5]);
    case GEMM_BATCH:
        return do_jobs(gemm_batch_job, step, args, step[21]);
    default:
        return 1;
    }
}

/* 0, or 1 + the number of the first step that failed, or -2 - the number of the first that wrote a
   value which it watches for; steps after that are not run. Each step's time is added to its place
   in `nanoseconds` unless that is NULL. */
int64_t arn_run(const int64_t *table, int64_t steps, char *const *args, int64_t *nanoseconds)
{
    int64_t before = nanoseconds ? now() : 0;
    for (int64_t k = 0; k < steps; k++, table += table[1]) {
        int failed = run_step(table, args);
        if (nanoseconds) {
            int64_t after = now();
            nanoseconds[k] += after - before;
            before = after;
        }
        if (failed)
            return failed & FAILED ? k + 1 : -2 - k;
    }
    return 0;
}

/* A table with its arguments: what a call needs, behind one pointer, since each argument that a
   caller converts costs it time. */
typedef struct {
    const int64_t *table;
    int64_t steps;
    char *const *args;
    int64_t inputs;
    const int64_t *alignments; /* of the first arguments, each a power of two */
} arn_frame;

/* As arn_run; -1 and nothing done where an input does not lie as its dtype asks for. */
int64_t arn_call(const arn_frame *frame)
{
    for (int64_t k = 0; k < frame->inputs; k++)
        if ((uintptr_t)frame->args[k] & (uintptr_t)(frame->alignments[k] - 1))
            return -1;
    return arn_run(frame->table, frame->steps, frame->args, NULL);
}

/* How many threads work at once from the next step on, the caller included. The workers are
   started when first needed. Nonzero if the number makes no sense. */
int arn_set_threads(int n)
{
    if (n < 1 || n > MAX_THREADS)
        return 1;
    pthread_mutex_lock(&pool.owner);
    if (n != pool.threads) {
        end_workers();
        __atomic_store_n(&pool.threads, n, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&pool.owner);
    return 0;
}

int arn_get_threads(void) { return __atomic_load_n(&pool.threads, __ATOMIC_RELAXED); }

/* The functions of a BLAS that counts with 32 bits, as its C interface declares them. */
void arn_set_blas(void *own_sgemm, void *own_dgemm, void *own_sgemv, void *own_dgemv)
{
    sgemm = (arn_sgemm)own_sgemm;
    dgemm = (arn_dgemm)own_dgemm;
    sgemv = (arn_sgemv)own_sgemv;
    dgemv = (arn_dgemv)own_dgemv;
}
