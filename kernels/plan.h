/* A member's numbers by name.  The text above this line defines
 *
 *   real                 double or float: states, tables and matrices
 *   IONS MOBILE SPECIES  how many ions; ions and mobile buffers; ions and buffers
 *   BUFFERS REFINED      how many buffers; how many of them live on sub-cells as well
 *   MOVERS               how many mobile buffers
 *   BINDS(j)             the ion that buffer j binds
 *   REFINES(r)           the buffer of refined slot r;  SLOT(j) the slot of buffer j, or -1
 *   SUB                  sub-cells of a refined cell
 *
 * and the reaction network (see network.py): NETWORK (0 or 1), MOVING_FORMS and
 * STAYING_FORMS, FOLLOWERS, LAWS rate constants, NETWORK_BARS numbers of a step, FOLDS entries of F, and functions.
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
#define BARS (3 * BUFFERS + 1 + NETWORK_BARS)
/* Of the network: least slopes, then the entries of S, F, U and W; its rate constants. */
#define NETBAR(k) ((real)bar[3 * BUFFERS + 1 + (k)])
#define LAW(k) ((real)law[(k)])

/* Species: ions, mobile buffers, mobile forms, immobile buffers, immobile forms.  The last FOLLOWERS of the mobile
 * forms follow others: solves carry the first CARRIED species only, tables per mode the first TABLED ones. */
#define CARRIED (MOBILE - FOLLOWERS)
#define CARRIED_FORMS (MOVING_FORMS - FOLLOWERS)
#define TABLED (IONS + MOVERS)
#define AT(j) (IONS + (j) + ((j) < MOVERS ? 0 : MOVING_FORMS))
#define MOVING_FORM(k) (IONS + MOVERS + (k))
#define STAYING_FORM(k) (MOBILE + BUFFERS - MOVERS + (k))
/* What is kept of a refined cell: bound forms, then forms of the network. */
#define KEPT (BUFFERS + MOVING_FORMS + STAYING_FORMS)
#define VALUES (IONS + MOVING_FORMS + STAYING_FORMS)
#if NETWORK
/* Ions with a network stay a diagonal: their sums are not inverted. */
#define INVERTED(sum) (sum)
#else
#define INVERTED(sum) (1 / (sum))
#endif

#define LARGE 1e30

/* LANES neighbouring numbers as one value, at any address. */
#ifdef __CUDACC__
typedef real lanes;
#define ZERO 0
#else
typedef real lanes __attribute__((vector_size(LANES * sizeof(real)), aligned(sizeof(real)), may_alias));
#define ZERO {0}
#endif
