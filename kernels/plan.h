/* A member's numbers by name.  The text above this line defines
 *
 *   real                 double or float: states, tables and matrices
 *   IONS MOBILE SPECIES  how many ions; ions and mobile buffers; ions and buffers
 *   BUFFERS REFINED      how many buffers; how many of them live on sub-cells as well
 *   BINDS(j)             the ion that buffer j binds
 *   REFINES(r)           the buffer of refined slot r;  SLOT(j) the slot of buffer j, or -1
 *   SUB                  sub-cells of a refined cell
 *
 * All are constants, so loops over species unroll and untaken branches vanish.
 */
#define K_ON(j) (par[(j)])
#define K_OFF(j) (par[BUFFERS + (j)])
#define TOTAL(j) (par[2 * BUFFERS + (j)])
#define REST(s) (par[3 * BUFFERS + (s)])
#define DIFFUSION(s) (par[3 * BUFFERS + SPECIES + (s)])
#define UPTAKE(i) (par[3 * BUFFERS + 2 * SPECIES + (i)])
#define KAPPA(i) (par[3 * BUFFERS + 2 * SPECIES + IONS + (i)])
#define PARAMETERS (3 * BUFFERS + 2 * SPECIES + 2 * IONS)

/* Of a step: g = gamma dt, the least p and q of every buffer, and 1 / (1 + g least q). */
#define LEAST_P(j) (bar[(j)])
#define LEAST_Q(j) (bar[BUFFERS + (j)])
#define STILL(j) (bar[2 * BUFFERS + (j)])
#define G (bar[3 * BUFFERS])
#define BARS (3 * BUFFERS + 1)

#define LARGE 1e30

/* LANES neighbouring numbers as one value, at any address. */
#ifdef __CUDACC__
typedef real lanes;
#define ZERO 0
#else
typedef real lanes __attribute__((vector_size(LANES * sizeof(real)), aligned(sizeof(real)), may_alias));
#define ZERO {0}
#endif
