/* Tables for sizes: the words that each step of a recipe becomes. */

#define COPY_SHARED_FROM (1 << 17)
#define OPERATIONS_SHARED_FROM 800000.0

enum recipe_step { LOOPS_STEP, MATRIX_STEP, VECTOR_STEP, BATCH_STEP };

static int64_t up(int64_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }
static int64_t at_least_1(int64_t x) { return x > 1 ? x : 1; }

static void put(arn_layout *out, int64_t word)
{
    if (out->word_count < out->word_room)
        out->words[out->word_count] = word;
    out->word_count++;
}

static void put_all(arn_layout *out, const int64_t *words, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put(out, words[i]);
}

static int64_t begin(state *q, int64_t kind)
{
    arn_layout *out = q->out;
    if (out->step_count < out->step_room)
        out->owners[out->step_count] = q->owner;
    out->step_count++;
    put(out, kind);
    put(out, 0);
    return out->word_count - 2;
}

static void set(arn_layout *out, int64_t at, int64_t word)
{
    if (at < out->word_room)
        out->words[at] = word;
}

static void end(state *q, int64_t start) { set(q->out, start + 1, q->out->word_count - start); }

/* ---- loops ---- */

static void put_combination(state *q, const geometry *g, const int64_t *sum, const place *from,
                            const place *to, int64_t bytes)
{
    int64_t start = begin(q, KERNEL), item = sum[1];
    int64_t words[] = {sum[2], 2, 2, -1, 1, 0, 0, 1, g->jobs, bytes / item,
                       from->argument, from->offset, 0, to->argument, to->offset, 0,
                       up(bytes), item, 0, item};
    words[5] = 2 + (int64_t)(sizeof words / sizeof *words);
    put_all(q->out, words, sizeof words / sizeof *words);
    end(q, start);
}

/* Words after the owner: class, places of the operands, shapes of what is combined, constants. */
static int lay_loops(state *q, const int64_t *words)
{
    const geometry *g = &q->geometries[words[0]];
    const int64_t *c = g->words, *at = words + 1, *sum = sums_of(c);
    int64_t m = c[OPERANDS], rank = c[RANK], sums = c[SUMS];
    const int64_t *targets = at + m, *constants = targets + sums + 1;
    place *own = malloc((size_t)(m + 1) * (sizeof *own + sizeof(int64_t)));
    if (!own)
        return NO_MEMORY;
    int64_t *job_strides = (int64_t *)(own + m + 1);
    for (int64_t k = 0; k < m; k++) {
        own[k] = q->places[at[k]];
        own[k].offset += g->offsets[k];
        job_strides[k] = 0;
    }
    int64_t start = begin(q, KERNEL), head = q->out->word_count;
    const int64_t fixed[] = {g->address, m, rank, g->split, g->jobs, 0, g->scratch, g->block};
    put_all(q->out, fixed, 8);
    put_all(q->out, g->n, rank);
    for (int64_t w = 0; w < sums && g->jobs > 1; w++) {
        int64_t k = sum[3 * w];
        if (g->strides[k * rank + g->split])
            continue;
        job_strides[k] = up(q->shapes[targets[w]].bytes);
        own[k].argument = q->head->workspace;
        own[k].offset = q->out->workspace;
        q->out->workspace += up(job_strides[k] * g->jobs);
    }
    for (int64_t k = 0; k < m; k++) {
        put(q->out, own[k].argument);
        put(q->out, own[k].offset);
        put(q->out, job_strides[k]);
    }
    put_all(q->out, g->strides, m * rank);
    set(q->out, head + 5, q->out->word_count - start);
    for (int64_t n = 0; n < constants[-1]; n++)
        put(q->out, constants[2 * n] < 0 ? constants[2 * n + 1] : q->number[constants[2 * n]]);
    end(q, start);
    for (int64_t w = 0; w < sums; w++) {
        int64_t k = sum[3 * w];
        if (job_strides[k]) {
            place to = q->places[at[k]];
            to.offset += g->offsets[k];
            put_combination(q, g, sum + 3 * w, &own[k], &to, q->shapes[targets[w]].bytes);
        }
    }
    free(own);
    return LAID_OUT;
}

/* ---- products ---- */

static int64_t product_jobs(const state *q, double operations, int64_t extent)
{
    if (q->head->threads == 1 || operations < OPERATIONS_SHARED_FROM)
        return 1;
    return larger(1, smaller(q->head->threads, extent / 16));
}

static void put_place(state *q, int64_t number, int64_t stride)
{
    put(q->out, q->places[number].argument);
    put(q->out, q->places[number].offset);
    put(q->out, stride);
}

/* What a product is added to is copied to where its result will be. */
static void put_copy(state *q, int64_t from, int64_t to, int64_t bytes)
{
    const place *source = &q->places[from], *target = &q->places[to];
    if (source->argument == target->argument && source->offset == target->offset)
        return;
    int64_t start = begin(q, COPY);
    const int64_t words[] = {target->argument, target->offset, source->argument, source->offset,
                             bytes, bytes > COPY_SHARED_FROM ? q->head->threads : 1};
    put_all(q->out, words, 6);
    end(q, start);
}

/* What the words of all products begin with: whether of doubles, which values are watched for,
   alpha, the place by which it is multiplied or -1, beta, the place of the result and its shape,
   and the place of what is added or -1. */
enum product_field {
    DOUBLE, WATCHES, ALPHA, SCALE, BETA, RESULT, RESULT_SHAPE, ADDED, PRODUCT_FIELDS
};

static void put_factors(state *q, const int64_t *p)
{
    put(q->out, p[ALPHA]);
    put(q->out, p[BETA]);
    put(q->out, p[SCALE] < 0 ? -1 : q->places[p[SCALE]].argument);
    put(q->out, p[SCALE] < 0 ? 0 : q->places[p[SCALE]].offset);
}

static void put_added(state *q, const int64_t *p)
{
    if (p[ADDED] >= 0)
        put_copy(q, p[ADDED], p[RESULT], q->shapes[p[RESULT_SHAPE]].bytes);
}

/* (place, shape, whether it is transposed) of both matrices. */
static int lay_matrices(state *q, const int64_t *p)
{
    const int64_t *a = p + PRODUCT_FIELDS, *b = a + 3;
    const shape *A = &q->shapes[a[1]], *B = &q->shapes[b[1]];
    int64_t wide = size_of(q, A, 1), wide_too = size_of(q, B, 1);
    int64_t M = size_of(q, A, a[2]), K = size_of(q, A, !a[2]);
    int64_t L = size_of(q, B, b[2]), N = size_of(q, B, !b[2]);
    if (K != L)
        return UNFIT;
    put_added(q, p);
    int64_t start = begin(q, GEMM);
    const int64_t words[] = {p[DOUBLE], a[2], b[2], M, N, K};
    put_all(q->out, words, 6);
    put_place(q, a[0], at_least_1(wide));
    put_place(q, b[0], at_least_1(wide_too));
    put_place(q, p[RESULT], at_least_1(N));
    put_factors(q, p);
    put(q->out, product_jobs(q, 2.0 * (double)M * (double)N * (double)K, larger(M, N)));
    put(q->out, p[WATCHES]);
    end(q, start);
    return LAID_OUT;
}

/* (place, shape, whether it is transposed) of the matrix, (place, shape) of the vector. */
static int lay_matrix_and_vector(state *q, const int64_t *p)
{
    const int64_t *a = p + PRODUCT_FIELDS, *x = a + 3;
    const shape *A = &q->shapes[a[1]];
    int64_t rows = size_of(q, A, 0), columns = size_of(q, A, 1);
    if (size_of(q, &q->shapes[x[1]], 0) != (a[2] ? rows : columns))
        return UNFIT;
    put_added(q, p);
    int64_t start = begin(q, GEMV);
    const int64_t words[] = {p[DOUBLE], a[2], rows, columns};
    put_all(q->out, words, 4);
    put_place(q, a[0], at_least_1(columns));
    put_place(q, x[0], 1);
    put_place(q, p[RESULT], 1);
    put_factors(q, p);
    put(q->out, product_jobs(q, 8.0 * (double)rows * (double)columns, a[2] ? columns : rows));
    put(q->out, p[WATCHES]);
    end(q, start);
    return LAID_OUT;
}

/* A run of products along the last axis of a batch, at an index of the others. */
static void put_run(state *q, const int64_t *p, int64_t M, int64_t N, int64_t K,
                    const int64_t *starts, int64_t count, const int64_t *strides)
{
    const int64_t *a = p + PRODUCT_FIELDS, places[] = {a[0], a[2], p[RESULT]};
    const int64_t across[] = {K, N, N};
    int64_t start = begin(q, GEMM_BATCH);
    const int64_t words[] = {p[DOUBLE], 0, 0, M, N, K};
    put_all(q->out, words, 6);
    for (int k = 0; k < 3; k++) {
        put(q->out, q->places[places[k]].argument);
        put(q->out, q->places[places[k]].offset + starts[k]);
        put(q->out, at_least_1(across[k]));
    }
    put_factors(q, p);
    double operations = 2.0 * (double)M * (double)N * (double)K * (double)count;
    put(q->out, product_jobs(q, operations, 16 * count));
    put(q->out, count);
    put_all(q->out, strides, 3);
    put(q->out, p[WATCHES]);
    end(q, start);
}

/* (place, shape) of both stacks of matrices. */
static int lay_batch(state *q, const int64_t *p)
{
    const int64_t *a = p + PRODUCT_FIELDS;
    const shape *of[] = {&q->shapes[a[1]], &q->shapes[a[3]], &q->shapes[p[RESULT_SHAPE]]};
    int64_t rank = of[2]->rank - 2, count = 1;
    int64_t M = size_of(q, of[2], rank), N = size_of(q, of[2], rank + 1);
    int64_t K = size_of(q, of[0], rank + 1);
    if (K != size_of(q, of[1], rank))
        return UNFIT;
    int64_t *n = malloc((size_t)(5 * rank + 1) * sizeof *n);
    if (!n)
        return NO_MEMORY;
    int64_t *index = n + rank, *steps = index + rank;
    for (int64_t d = 0; d < rank; d++) {
        n[d] = size_of(q, of[2], d);
        index[d] = 0;
        count *= n[d];
    }
    for (int k = 0; k < 3; k++) {
        int64_t step = of[k]->bytes, all = 1;
        for (int64_t d = 0; d < rank; d++)
            all *= size_of(q, of[k], d);
        step = all ? step / all : 0;
        for (int64_t d = rank - 1; d >= 0; d--) {
            int64_t size = size_of(q, of[k], d);
            steps[3 * d + k] = size == 1 && k < 2 ? 0 : step;
            step *= size;
        }
    }
    /* As few runs as may be. */
    while (count && rank > 1) {
        int64_t *last = steps + 3 * (rank - 1), *before = last - 3, even = 1;
        for (int k = 0; k < 3; k++)
            even = even && before[k] == last[k] * n[rank - 1];
        if (!even)
            break;
        n[rank - 2] *= n[rank - 1];
        memcpy(before, last, 3 * sizeof *last);
        rank--;
    }
    const int64_t none[] = {0, 0, 0};
    if (count && rank == 0)
        put_run(q, p, M, N, K, none, 1, none);
    while (count && rank) {
        int64_t starts[] = {0, 0, 0}, d = rank - 2;
        for (int64_t b = 0; b < rank - 1; b++)
            for (int k = 0; k < 3; k++)
                starts[k] += index[b] * steps[3 * b + k];
        put_run(q, p, M, N, K, starts, n[rank - 1], steps + 3 * (rank - 1));
        for (; d >= 0 && ++index[d] == n[d]; d--)
            index[d] = 0;
        if (d < 0)
            break;
    }
    free(n);
    return LAID_OUT;
}

/* ---- the whole ---- */

static const int64_t *lay_shapes(state *q, const int64_t *word)
{
    for (int64_t n = 0; n < q->head->shapes; n++) {
        shape *s = &q->shapes[n];
        *s = (shape){.item = word[0], .rank = word[1], .bytes = word[0], .sizes = word + 2};
        for (int64_t d = 0; d < s->rank; d++)
            s->bytes *= size_of(q, s, d);
        word += 2 + s->rank;
    }
    return word;
}

/* The workspace: one piece after the other, each as large as the largest that uses it. */
static const int64_t *lay_pieces(state *q, const int64_t *word, int64_t *starts)
{
    for (int64_t n = 0; n < q->head->pieces; n++) {
        int64_t most = 0, count = *word++;
        for (int64_t k = 0; k < count; k++)
            most = larger(most, q->shapes[*word++].bytes);
        starts[n] = q->out->workspace;
        q->out->workspace += up(most);
    }
    return word;
}

/* (argument, piece or -1, number of the offset or -1) of each. */
static const int64_t *lay_places(state *q, const int64_t *word, const int64_t *starts)
{
    for (int64_t n = 0; n < q->head->places; n++, word += 3) {
        q->places[n].argument = word[0];
        q->places[n].offset = word[1] < 0 ? 0 : starts[word[1]];
        q->places[n].offset += word[2] < 0 ? 0 : q->number[word[2]];
    }
    return word;
}

static const int64_t *lay_classes(state *q, const int64_t *word, int64_t *memory, int *failed)
{
    for (int64_t n = 0; n < q->head->classes && !*failed; n++, word += word[0]) {
        geometry *g = &q->geometries[n];
        int64_t rank = word[RANK], m = word[OPERANDS];
        g->words = word;
        g->n = memory;
        g->offsets = g->n + rank;
        g->strides = g->offsets + m;
        memory = g->strides + m * rank;
        *failed = lay_class(q, g, n);
    }
    return word;
}

static int lay_step(state *q, const int64_t *step)
{
    q->owner = step[2];
    switch (step[1]) {
    case LOOPS_STEP:
        return lay_loops(q, step + 3);
    case MATRIX_STEP:
        return lay_matrices(q, step + 3);
    case VECTOR_STEP:
        return lay_matrix_and_vector(q, step + 3);
    default:
        return lay_batch(q, step + 3);
    }
}

/* The table for the numbers of a call. `places` gets two words for each place unless it is NULL. */
int arn_lay_out(const arn_recipe_head *head, const int64_t *number, arn_layout *out,
                int64_t *places)
{
    /* After the head: how many words the geometries of all classes have. */
    const int64_t *word = (const int64_t *)(head + 1);
    size_t geometry_words = (size_t)word[0];
    size_t bytes = (size_t)head->shapes * sizeof(shape) + (size_t)head->places * sizeof(place) +
                   (size_t)head->classes * sizeof(geometry) +
                   ((size_t)head->pieces + geometry_words) * sizeof(int64_t);
    char *memory = calloc(1, bytes + 1);
    state q = {.head = head, .number = number, .out = out};
    int failed = 0;
    if (!memory)
        return NO_MEMORY;
    q.shapes = (shape *)memory;
    q.places = (place *)(q.shapes + head->shapes);
    q.geometries = (geometry *)(q.places + head->places);
    int64_t *starts = (int64_t *)(q.geometries + head->classes), *rest = starts + head->pieces;
    out->word_count = out->step_count = out->workspace = 0;
    word = lay_pieces(&q, lay_shapes(&q, word + 1), starts);
    word = lay_places(&q, word, starts);
    q.variants = word;
    for (int64_t n = 0; n < head->variants; n++)
        word += word[0];
    word = lay_classes(&q, word, rest, &failed);
    for (int64_t n = 0; n < head->steps && !failed; n++, word += word[0])
        failed = lay_step(&q, word);
    for (int64_t n = 0; places && n < head->places; n++) {
        places[2 * n] = q.places[n].argument;
        places[2 * n + 1] = q.places[n].offset;
    }
    free(memory);
    if (!failed && (out->word_count > out->word_room || out->step_count > out->step_room))
        return NO_ROOM;
    return failed;
}
