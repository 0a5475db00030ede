/* Products of matrices and vectors by BLAS: jobs of the runtime's steps, apart from it since many
   programs need none and both take a compiler's time. */

#include <limits.h>

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

/* Rows and columns of a product go to jobs in multiples of the BLAS kernels' unroll. */
#define UNROLL 16
/* BLAS counts in 32 bits: longer axes go in pieces. A test compiles with short ones. */
#ifndef ARN_BLAS_PIECE
#define ARN_BLAS_PIECE ((int64_t)1 << 30)
#endif

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

/* Whether rows have a value that is watched for: one whose bits, but for the sign, are a larger
   number than a limit. As wide as the values, for the vectoriser. */
#define WATCHING(name, word, value_bits)                                                           \
    typedef word __attribute__((may_alias)) value_bits;                                            \
    static int name(word limit, int64_t rows, int64_t n, const value_bits *at, int64_t stride)     \
    {                                                                                              \
        word odd = 0;                                                                              \
        for (int64_t i = 0; i < rows; i++, at += stride)                                           \
            _Pragma("omp simd reduction(|: odd)") for (int64_t j = 0; j < n; j++) odd |=           \
                (at[j] & ((word)-1 >> 1)) > limit ? 1 : 0;                                         \
        return odd ? WATCHED : 0;                                                                  \
    }
WATCHING(watch_floats, uint32_t, float_bits)
WATCHING(watch_doubles, uint64_t, double_bits)

/* By what is watched for: NaN beyond infinity, what is not finite, what is beyond 1e10. */
static const uint32_t float_limits[] = {0, 0x7f800000, 0x7f7fffff, 0x501502f9};
static const uint64_t double_limits[] = {0, 0x7ff0000000000000, 0x7fefffffffffffff,
                                         0x4202a05f20000000};

/* WATCHED where a product has written a value that is watched for. */
static int look_at(int64_t watch, int64_t dtype, int64_t rows, int64_t n, const char *at,
                   int64_t stride)
{
    if (!watch)
        return 0;
    return dtype ? watch_doubles(double_limits[watch], rows, n, (const double_bits *)at, stride)
                 : watch_floats(float_limits[watch], rows, n, (const float_bits *)at, stride);
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
int arn_gemm_job(const int64_t *step, char *const *args, int64_t job)
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

int arn_gemm_batch_job(const int64_t *step, char *const *args, int64_t job)
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

int arn_gemv_job(const int64_t *step, char *const *args, int64_t job)
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

/* The functions of a BLAS that counts with 32 bits, as its C interface declares them. */
void arn_set_blas(void *own_sgemm, void *own_dgemm, void *own_sgemv, void *own_dgemv)
{
    sgemm = (arn_sgemm)own_sgemm;
    dgemm = (arn_dgemm)own_dgemm;
    sgemv = (arn_sgemv)own_sgemv;
    dgemv = (arn_dgemv)own_dgemv;
}
