/* One body, two devices.
 *
 * A kernel is a pair of loops: over planes (member x z, or member, or channel) and along a plane.
 * Under CUDA blocks and threads walk them with grid strides, so that any launch shape is right; in
 * C the outer loop may use threads and the inner one is for the vector unit.  No kernel has a
 * barrier, an atomic or shared memory: each element is written by one thread, in a fixed order.
 */
#ifdef __CUDACC__
#define restrict __restrict__
/* (Tried and left: __launch_bounds__(256), with which some kernels spill and none needs fewer registers.) */
#define KERNEL extern "C" __global__ void
#define INLINE static __device__ __forceinline__
#define FOR_EACH_PLANE(p, first, last) for (int p = (first) + (int)blockIdx.y; p < (last); p += (int)gridDim.y)
/* Uses of one launch belong to different members on a GPU, one after another otherwise: no two write at once. */
#define FOR_EACH_USE(p, first, last) FOR_EACH_PLANE(p, first, last)
#define FOR_EACH(i, n) for (wide i = (wide)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += STRIDE)
#define FOR_EACH_MIN_MAX(i, n, lo, hi) FOR_EACH(i, n)
#define FOR_EACH_EXTREME(i, n, lo, hi, most) FOR_EACH(i, n)
#define FOR_EACH_SERIALLY(i, n) FOR_EACH(i, n)
/* Sub-cells q of refined cells k: a thread each, or cell by cell. */
#define FOR_EACH_SUB_CELL(k, q, count) \
    FOR_EACH(i_, (wide)(count) * SUB) for (wide k = i_ / SUB, q = i_ - k * SUB, once_ = 1; once_; once_ = 0)
#define UNROLLED _Pragma("unroll")
#define STRIDE ((wide)gridDim.x * blockDim.x)
#define FOR_EACH_SLAB(from, to, ny, nx) for (int from = 0, to = (ny); from < (ny); from = (ny))
/* Rows of a plane, each cell with its neighbours along x; CELL may use b, left2, left1, right1, right2. */
#define SWEEP(z, y, x, from, to, nz, ny, nx, KEEP, AGAIN, CELL) \
    FOR_EACH(i_, (wide)((to) - (from)) * (nx)) { \
        const int y = (from) + (int)(i_ / (nx)), x = (int)(i_ % (nx)); \
        Beside b = beside_z(z, nz, ny, nx, band_z); \
        beside_y(&b, y, ny, nx, band_y); \
        AT_WALL(x, nx, CELL) \
    }
/* Partial results per plane: one per thread. */
#define PARTS (gridDim.x * blockDim.x)
#define PART (blockIdx.x * blockDim.x + threadIdx.x)
#define LANES 1
#define RUN 1
#define SIDE_BY_SIDE(l, n) for (int l = 0; l < (n); ++l)
#define LANE(v, l) (v)
#else
#define KERNEL void
#define INLINE static inline __attribute__((always_inline))
#define PRAGMA(text) _Pragma(#text)
#ifdef _OPENMP
static int threads = 1;
void use_threads(int count) { threads = count; }
#define THREADED PRAGMA(omp parallel for schedule(static) num_threads(threads) if (threads > 1))
#else
#define THREADED
#endif
#define FOR_EACH_PLANE(p, first, last) THREADED for (int p = (first); p < (last); ++p)
#define FOR_EACH_USE(p, first, last) for (int p = (first); p < (last); ++p)
#define FOR_EACH(i, n) PRAGMA(omp simd) for (wide i = 0; i < (n); ++i)
#define FOR_EACH_MIN_MAX(i, n, lo, hi) PRAGMA(omp simd reduction(min : lo) reduction(max : hi)) for (wide i = 0; i < (n); ++i)
#define FOR_EACH_EXTREME(i, n, lo, hi, most) \
    PRAGMA(omp simd reduction(min : lo) reduction(max : hi) reduction(max : most)) for (wide i = 0; i < (n); ++i)
#define FOR_EACH_SUB_CELL(k, q, count) for (wide k = 0; k < (count); ++k) for (wide q = 0; q < SUB; ++q)
#define FOR_EACH_SERIALLY(i, n) for (wide i = 0; i < (n); ++i)
#define UNROLLED PRAGMA(GCC unroll 16)
/* Rows that are worked through plane by plane, so few that five planes of them stay in the cache. */
#define SLAB_END(y, ny, nx) ((y) + 6400 / (nx) + 4 < (ny) ? (y) + 6400 / (nx) + 4 : (ny))
#define FOR_EACH_SLAB(from, to, ny, nx) \
    for (int from = 0, to = SLAB_END(0, ny, nx); from < (ny); from = to, to = SLAB_END(from, ny, nx))
/* As on a card, with no special case at the walls of x: what is read beyond a row's end is its neighbour
 * row's, times 0.  Only the first and the last row of all would leave the array.  A row is worked off in turns of
 * LANES cells, the last of which begins early enough to end with the row: a loop over single cells behind the last
 * whole turn takes up to as long as all turns (1.25 to 1.6 times the whole sweep on rows of 30).  What that turn
 * does a second time must begin anew: KEEP saves the row's last LANES results, AGAIN puts them back. */
#define SWEEP(z, y, x, from, to, nz, ny, nx, KEEP, AGAIN, CELL) \
    Beside b = beside_z(z, nz, ny, nx, band_z); \
    for (int y = (from); y < (to); ++y) { \
        beside_y(&b, y, ny, nx, band_y); \
        if ((nx) < LANES || (y == 0 && z == 0) || (y == (ny) - 1 && z == (nz) - 1)) { \
            for (int x = 0; x < (nx); ++x) AT_WALL(x, nx, CELL) \
            continue; \
        } \
        if ((nx) % LANES) { KEEP; } \
        for (int turn_ = 0; turn_ < (nx); turn_ += LANES) { \
            const int from_ = turn_ + LANES > (nx) ? (nx) - LANES : turn_; \
            if (from_ < turn_) { AGAIN; } \
            PRAGMA(omp simd) for (int l_ = 0; l_ < LANES; ++l_) { \
                const int x = from_ + l_; \
                const wide left2 = -2, left1 = -1, right1 = 1, right2 = 2; \
                CELL \
            } \
        } \
    }
#define PARTS 1
#define PART 0
/* Cells that one turn of the near field's loop computes side by side: one wide register. */
#define LANES ((int)(64 / sizeof(real)))
#define LANE(v, l) ((v)[l])
/* Cells that search together, and the loop over them. */
#define RUN 64
#define SIDE_BY_SIDE(l, n) PRAGMA(omp simd) for (int l = 0; l < (n); ++l)
#endif

#define AT_WALL(x, nx, CELL) { \
        const wide left2 = inside(x - 2, nx) - x, left1 = inside(x - 1, nx) - x; \
        const wide right1 = inside(x + 1, nx) - x, right2 = inside(x + 2, nx) - x; \
        CELL \
    }

typedef long long wide;
