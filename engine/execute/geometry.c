/* Recipes, and the geometry of loops: what one tuple of sizes makes of a class of loops.

   recipe.py writes a recipe, once for all sizes: sections of int64 words that mention sizes by
   their place among the numbers of a call. Loops of a class differ only in where their operands
   lie, and in constants; its geometry is which axes are merged, the strides, and how many jobs
   share it. */

/* Compilers take half the time, for code that runs once for new sizes. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O0")
#endif

#define MAX_PARTIAL_BYTES (1 << 20)
#define PAGE_BYTES 4096

enum outcome { LAID_OUT, UNFIT, UNKNOWN_KERNEL, NO_ROOM, NO_MEMORY };

typedef struct {
    int64_t threads, workspace, shapes, pieces, places, classes, variants, steps;
    double worth_sharing;
    int64_t jobs_per_thread, block;
} arn_recipe_head;

typedef struct {
    int64_t item, rank, bytes;
    const int64_t *sizes; /* places among the numbers */
} shape;

typedef struct {
    int64_t argument, offset;
} place;

typedef struct {
    const int64_t *words;
    int64_t address, split, jobs, block, scratch;
    int64_t *n, *offsets, *strides;
} geometry;

/* What comes out, and how much room there is for it; what has no room is only counted. */
typedef struct {
    int64_t *words, *owners;
    int64_t word_room, step_room;
    int64_t word_count, step_count, workspace;
    int64_t class; /* the class that needs another kernel, for the operands marked in `words` */
} arn_layout;

typedef struct {
    const arn_recipe_head *head;
    const int64_t *number;
    shape *shapes;
    place *places;
    geometry *geometries;
    const int64_t *variants;
    arn_layout *out;
    int64_t owner;
} state;

static int64_t size_of(const state *q, const shape *s, int64_t axis)
{
    return q->number[s->sizes[axis]];
}

/* A class of loops: rank, split, has_totals, counts, operands, address, cost of an element, kept
   rows, ranges, accumulations, then the sizes of the axes, (axis, size) of each range, (operand,
   bytes of an element, address of what combines) of each accumulation, then the operands. */
enum class_field {
    RANK = 1, SPLIT, TOTALS, COUNTS, OPERANDS, ADDRESS, NS, KEPT, RANGES, SUMS, FIELDS
};

/* An operand: length, shape (or -1: a view), number at which what is known of a view begins, bytes
   of an element if it is to lie side by side or 0, rank, domain axis of each of its axes or -1,
   and for each domain axis whether it may move along it. */
enum operand_field { LENGTH, SHAPE, VIEW, ITEM, AXES, OPERAND_FIELDS };

static const int64_t *ranges_of(const int64_t *c) { return c + FIELDS + c[RANK]; }
static const int64_t *sums_of(const int64_t *c) { return ranges_of(c) + 2 * c[RANGES]; }
static const int64_t *operands_of(const int64_t *c) { return sums_of(c) + 3 * c[SUMS]; }
static const int64_t *moves_of(const int64_t *o) { return o + OPERAND_FIELDS + o[AXES]; }

static int lay_operand(const state *q, const int64_t *o, geometry *g, int64_t k)
{
    int64_t rank = g->words[RANK], step, offset = 0;
    int64_t *strides = g->strides + k * rank;
    const shape *s = o[SHAPE] < 0 ? NULL : &q->shapes[o[SHAPE]];
    const int64_t *view = q->number + o[VIEW];
    step = s ? s->item : 0;
    for (int64_t d = o[AXES] - 1; d >= 0; d--) {
        int64_t size = s ? size_of(q, s, d) : view[1 + d];
        int64_t stride = s ? step : view[1 + o[AXES] + d], axis = o[OPERAND_FIELDS + d];
        step *= size ? size : 1;
        if (axis < 0)
            continue;
        if (size == g->n[axis])
            strides[axis] = stride;
        else if (size != 1)
            return UNFIT;
    }
    if (!s)
        offset = view[0];
    g->offsets[k] = offset;
    return LAID_OUT;
}

/* The kernel for operands that do not lie side by side on the last axis, if it is known. */
static int find_variant(state *q, geometry *g, int64_t class, const int64_t **cost)
{
    const int64_t *c = g->words, *o = operands_of(c);
    int64_t m = c[OPERANDS], rank = c[RANK], wrong = 0;
    int64_t *marks = q->out->words;
    if (rank == 0 || g->n[rank - 1] <= 1)
        return LAID_OUT;
    for (int64_t k = 0; k < m; k++, o += o[LENGTH])
        wrong += o[ITEM] && g->strides[k * rank + rank - 1] != o[ITEM];
    if (!wrong)
        return LAID_OUT;
    const int64_t *v = q->variants;
    for (int64_t n = 0; n < q->head->variants; n++, v += v[0]) {
        int same = v[1] == class;
        o = operands_of(c);
        for (int64_t k = 0; same && k < m; k++, o += o[LENGTH])
            same = v[5 + k] == (o[ITEM] && g->strides[k * rank + rank - 1] != o[ITEM]);
        if (same) {
            g->address = v[2];
            *cost = v + 3;
            return LAID_OUT;
        }
    }
    q->out->class = class;
    if (m > q->out->word_room) {
        q->out->word_count = m;
        return NO_ROOM;
    }
    o = operands_of(c);
    for (int64_t k = 0; k < m; k++, o += o[LENGTH])
        marks[k] = o[ITEM] && g->strides[k * rank + rank - 1] != o[ITEM];
    return UNKNOWN_KERNEL;
}

/* Whether an axis and the next become one, and those before it may move up by one. */
static int merges(const geometry *g, int64_t first, int64_t axis)
{
    const int64_t *c = g->words, *o = operands_of(c), *sum = sums_of(c);
    int64_t rank = c[RANK];
    for (int64_t k = 0; k < c[OPERANDS]; k++, o += o[LENGTH]) {
        const int64_t *s = g->strides + k * rank;
        if (s[axis] != s[axis + 1] * g->n[axis + 1])
            return 0;
        for (int64_t b = first; b < axis; b++)
            if (s[b] && !moves_of(o)[b + 1])
                return 0;
    }
    /* What is combined along an axis, and what is not, must stay so. */
    for (int64_t w = 0; w < c[SUMS]; w++, sum += 3) {
        o = operands_of(c);
        for (int64_t k = 0; k < sum[0]; k++)
            o += o[LENGTH];
        for (int64_t b = first; b <= axis; b++)
            if (moves_of(o)[b] != moves_of(o)[b + 1])
                return 0;
    }
    return 1;
}

static void shift(int64_t *row, int64_t first, int64_t axis, int64_t empty)
{
    for (int64_t b = axis; b > first; b--)
        row[b] = row[b - 1];
    row[first] = empty;
}

/* Merges axes where every operand goes on evenly from row to row; merged axes leave room at the
   front: axes of size 1. Axes keep their meaning, row or inner, by moving only within their side
   of the split. */
static void collapse(geometry *g, int64_t first, int64_t stop)
{
    int64_t rank = g->words[RANK], axis = stop - 2;
    while (axis >= first) {
        if (!merges(g, first, axis)) {
            axis--;
            continue;
        }
        g->n[axis + 1] *= g->n[axis];
        shift(g->n, first, axis, 1);
        for (int64_t k = 0; k < g->words[OPERANDS]; k++)
            shift(g->strides + k * rank, first, axis, 0);
        first++;
    }
}

/* The axis that jobs share, and how many they are: rather without copies of what they combine; else
   rather many; else rather whole rows. */
static void share_out(const state *q, geometry *g, double ns)
{
    const arn_recipe_head *head = q->head;
    const int64_t *c = g->words;
    int64_t rank = c[RANK], axes = c[TOTALS] ? c[SPLIT] : rank, large = 0, wide = 0;
    double total = ns;
    for (int64_t a = 0; a < rank; a++)
        total *= (double)g->n[a];
    g->split = -1;
    g->jobs = g->block = 1;
    if (head->threads == 1 || total < 2 * head->worth_sharing)
        return;
    double most = (double)(head->jobs_per_thread * head->threads);
    double shares = total / head->worth_sharing;
    int64_t wanted = (int64_t)(shares < most ? shares : most);
    for (int64_t axis = 0; axis < axes; axis++) {
        int64_t block = axis == rank - 1 ? head->block : 1, copies = 0, size = 0;
        int64_t jobs = smaller(wanted, g->n[axis] / block);
        if (jobs < 2)
            continue;
        const int64_t *sum = sums_of(c);
        for (int64_t w = 0; w < c[SUMS]; w++, sum += 3) {
            const int64_t *s = g->strides + sum[0] * rank;
            int64_t extent = sum[1];
            if (s[axis])
                continue;
            for (int64_t a = 0; a < rank; a++)
                extent *= s[a] ? g->n[a] : 1;
            copies = 1;
            size += extent;
        }
        if (copies) {
            jobs = smaller(jobs, 2 * head->threads);
            if (size * jobs > MAX_PARTIAL_BYTES)
                continue;
        }
        int64_t is_large = size > PAGE_BYTES, is_wide = smaller(jobs, head->threads);
        if (g->split < 0 || is_large < large || (is_large == large && is_wide > wide)) {
            large = is_large;
            wide = is_wide;
            g->split = axis;
            g->jobs = jobs;
            g->block = block;
        }
    }
}

static int lay_class(state *q, geometry *g, int64_t class)
{
    const int64_t *c = g->words, *range = ranges_of(c), *o = operands_of(c), *cost = c + NS;
    int64_t rank = c[RANK];
    arn_value ns;
    for (int64_t a = 0; a < rank; a++)
        g->n[a] = q->number[c[FIELDS + a]];
    for (int64_t r = 0; r < c[RANGES]; r++, range += 2)
        if (q->number[range[1]] != g->n[range[0]])
            return UNFIT;
    for (int64_t k = 0; k < c[OPERANDS]; k++, o += o[LENGTH])
        if (lay_operand(q, o, g, k))
            return UNFIT;
    g->address = c[ADDRESS];
    int failed = find_variant(q, g, class, &cost);
    if (failed)
        return failed;
    if (rank > 1 && !c[COUNTS]) {
        collapse(g, 0, c[TOTALS] ? c[SPLIT] : rank);
        if (c[TOTALS])
            collapse(g, c[SPLIT], rank);
    }
    ns.i = cost[0];
    share_out(q, g, ns.d);
    g->scratch = rank ? cost[1] * 8 * (g->n[rank - 1] + 8) : 0;
    return LAID_OUT;
}
