/* The fixed runtime of the C executor: runs tables of steps, and holds the threads that share them.
   Steps that are products are those of products.c. */

#include <signal.h>
#include <time.h>

typedef int (*arn_kernel)(char *const *p, const int64_t *lo, const int64_t *hi, const int64_t *s,
                          const arn_value *c, char *scratch);

#define SPIN_NS 30000
/* Times that a waiting thread looks before it asks for the time. */
#define LOOKS 16
#define MAX_THREADS 1024
#define COPY_UNIT 4096

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

__attribute__((constructor)) static void prepare_for_forks(void)
{
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

/* ---- the interpreter ---- */

/* The jobs of products, once products.c is loaded. */
static arn_job gemm_job, gemv_job, gemm_batch_job;

static inline int do_jobs(arn_job job, const int64_t *step, char *const *args, int64_t jobs)
{
    if (!job)
        return FAILED;
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

/* Where the jobs of products.c are. */
void arn_set_products(void *gemm, void *gemv, void *gemm_batch)
{
    gemm_job = (arn_job)(uintptr_t)gemm;
    gemv_job = (arn_job)(uintptr_t)gemv;
    gemm_batch_job = (arn_job)(uintptr_t)gemm_batch;
}
