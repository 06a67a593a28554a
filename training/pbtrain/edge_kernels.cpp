// Sums and products over edges for training, fused so that no [edges, 3, H] array is ever made.
// Every kernel is multilinear (or SiLU), so the kernels are each other's derivatives: see edge_ops.py.
//
// An edge e has a target and a source atom.  `first` [rows + 1] delimits a target's edges ("slots");
// `edge`, if not null, maps slots to edges: with the numbers of the opposite edges in it, a row's slots
// are the edges whose *source* is the row.  Arrays are contiguous; `atom` names one end of each edge.
// Plain C symbols (suffix _f32, _f64) for ctypes; no PyTorch headers are needed.

#include <cmath>
#include <cstdint>

using Index = const int64_t* __restrict;

namespace {

// out[e] = x[atom[e]] * w[e]
template <class T>
void gather_mul(int64_t edges, int64_t h, const T* __restrict x, const T* __restrict w, Index atom,
                T* __restrict out) {
    for (int64_t e = 0; e < edges; e++) {
        const T *a = x + atom[e] * h, *b = w + e * h;
        T* o = out + e * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = a[c] * b[c];
    }
}

// out[n] = sum over n's slots of w[e] * y[e]
template <class T>
void mul_sum(int64_t rows, int64_t h, const T* __restrict w, const T* __restrict y, Index first, Index edge,
             T* __restrict out) {
    for (int64_t n = 0; n < rows; n++) {
        T* o = out + n * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = 0;
        for (int64_t k = first[n]; k < first[n + 1]; k++) {
            const int64_t e = edge ? edge[k] : k;
            const T *a = w + e * h, *b = y + e * h;
            for (int64_t c = 0; c < h; c++)
                o[c] += a[c] * b[c];
        }
    }
}

// out[n] = sum over n's slots of y[e]
template <class T>
void row_sum(int64_t rows, int64_t h, const T* __restrict y, Index first, Index edge, T* __restrict out) {
    for (int64_t n = 0; n < rows; n++) {
        T* o = out + n * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = 0;
        for (int64_t k = first[n]; k < first[n + 1]; k++) {
            const T* b = y + (edge ? edge[k] : k) * h;
            for (int64_t c = 0; c < h; c++)
                o[c] += b[c];
        }
    }
}

// out[n, s] = sum over n's slots of s[e] * v[other end, s]; slot k's other end is source[k] either way
template <class T>
void vector_sum(int64_t rows, int64_t h, const T* __restrict s, const T* __restrict v, Index first,
                Index source, Index edge, T* __restrict out) {
    for (int64_t n = 0; n < rows; n++) {
        T* o = out + n * 3 * h;
        for (int64_t c = 0; c < 3 * h; c++)
            o[c] = 0;
        for (int64_t k = first[n]; k < first[n + 1]; k++) {
            const T *b = v + source[k] * 3 * h, *a = s + (edge ? edge[k] : k) * h;
            for (int64_t c = 0; c < h; c++) {
                o[c] += a[c] * b[c];
                o[h + c] += a[c] * b[h + c];
                o[2 * h + c] += a[c] * b[2 * h + c];
            }
        }
    }
}

// out[e] = sum_s v[source[e], s] * g[target[e], s]
template <class T>
void vector_dot(int64_t edges, int64_t h, const T* __restrict v, const T* __restrict g, Index source,
                Index target, T* __restrict out) {
    for (int64_t e = 0; e < edges; e++) {
        const T *a = v + source[e] * 3 * h, *b = g + target[e] * 3 * h;
        T* o = out + e * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = a[c] * b[c] + a[h + c] * b[h + c] + a[2 * h + c] * b[2 * h + c];
    }
}

// out[e] = sum_s d[e, s] * a[atom[e], s]
template <class T>
void project(int64_t edges, int64_t h, const T* __restrict d, const T* __restrict a, Index atom,
             T* __restrict out) {
    for (int64_t e = 0; e < edges; e++) {
        const T* x = a + atom[e] * 3 * h;
        const T d0 = d[3 * e], d1 = d[3 * e + 1], d2 = d[3 * e + 2];
        T* o = out + e * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = d0 * x[c] + d1 * x[h + c] + d2 * x[2 * h + c];
    }
}

// out[n, s] = sum over n's slots of d[e, s] * y[e]
template <class T>
void direct_sum(int64_t rows, int64_t h, const T* __restrict d, const T* __restrict y, Index first,
                Index edge, T* __restrict out) {
    for (int64_t n = 0; n < rows; n++) {
        T* o = out + n * 3 * h;
        for (int64_t c = 0; c < 3 * h; c++)
            o[c] = 0;
        for (int64_t k = first[n]; k < first[n + 1]; k++) {
            const int64_t e = edge ? edge[k] : k;
            const T* b = y + e * h;
            const T d0 = d[3 * e], d1 = d[3 * e + 1], d2 = d[3 * e + 2];
            for (int64_t c = 0; c < h; c++) {
                o[c] += d0 * b[c];
                o[h + c] += d1 * b[c];
                o[2 * h + c] += d2 * b[c];
            }
        }
    }
}

// out[e, s] = a[atom[e], s] . y[e]
template <class T>
void direction_gradient(int64_t edges, int64_t h, const T* __restrict a, const T* __restrict y, Index atom,
                        T* __restrict out) {
    for (int64_t e = 0; e < edges; e++) {
        const T *x = a + atom[e] * 3 * h, *b = y + e * h;
        T s0 = 0, s1 = 0, s2 = 0;
        for (int64_t c = 0; c < h; c++)
            s0 += x[c] * b[c], s1 += x[h + c] * b[c], s2 += x[2 * h + c] * b[c];
        out[3 * e] = s0, out[3 * e + 1] = s1, out[3 * e + 2] = s2;
    }
}

template <class T> T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
}

// x sigmoid(x)
template <class T> void silu(int64_t n, const T* __restrict x, T* __restrict out) {
    for (int64_t k = 0; k < n; k++)
        out[k] = x[k] * sigmoid(x[k]);
}

// g silu'(x)
template <class T>
void silu_gradient(int64_t n, const T* __restrict x, const T* __restrict g, T* __restrict out) {
    for (int64_t k = 0; k < n; k++) {
        const T s = sigmoid(x[k]);
        out[k] = g[k] * s * (T(1) + x[k] * (T(1) - s));
    }
}

// dx = h g silu''(x), dg = h silu'(x): the derivatives of silu_gradient for an incoming h
template <class T>
void silu_second(int64_t n, const T* __restrict x, const T* __restrict g, const T* __restrict h,
                 T* __restrict dx, T* __restrict dg) {
    for (int64_t k = 0; k < n; k++) {
        const T s = sigmoid(x[k]), t = s * (T(1) - s);
        dg[k] = h[k] * (s + x[k] * t);
        dx[k] = h[k] * g[k] * t * (T(2) + x[k] * (T(1) - T(2) * s));
    }
}

// silu'(x) and silu''(x) from x and its sigmoid s
template <class T> T silu1(T x, T s) {
    return s * (T(1) + x * (T(1) - s));
}
template <class T> T silu2(T x, T s) {
    return s * (T(1) - s) * (T(2) + x * (T(1) - T(2) * s));
}

// out[e] = silu(x[e]) * w[atom[e]]; a null `atom` stands for w[e]
template <class T>
void silu_mul(int64_t edges, int64_t h, const T* __restrict x, const T* __restrict w, Index atom,
              T* __restrict out) {
    for (int64_t e = 0; e < edges; e++) {
        const T *a = x + e * h, *b = w + (atom ? atom[e] : e) * h;
        T* o = out + e * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = a[c] * sigmoid(a[c]) * b[c];
    }
}

// gx[e] = g w silu'(x), gw[n] = sum over n's slots of g silu(x); a null `first` stands for rows = edges
template <class T>
void silu_mul_gradient(int64_t rows, int64_t h, const T* __restrict x, const T* __restrict w,
                       const T* __restrict g, Index first, Index edge, T* __restrict gx, T* __restrict gw) {
    for (int64_t n = 0; n < rows; n++) {
        const T* b = w + n * h;
        T* o = gw + n * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = 0;
        const int64_t begin = first ? first[n] : n, end = first ? first[n + 1] : n + 1;
        for (int64_t k = begin; k < end; k++) {
            const int64_t e = (edge ? edge[k] : k) * h;
            for (int64_t c = 0; c < h; c++) {
                const T X = x[e + c], s = sigmoid(X), G = g[e + c];
                gx[e + c] = G * b[c] * silu1(X, s);
                o[c] += G * X * s;
            }
        }
    }
}

// Derivatives of silu_mul_gradient for incoming hx [edges], hw [rows]
template <class T>
void silu_mul_second(int64_t rows, int64_t h, const T* __restrict x, const T* __restrict w,
                     const T* __restrict g, const T* __restrict hx, const T* __restrict hw, Index first,
                     Index edge, T* __restrict dx, T* __restrict dw, T* __restrict dg) {
    for (int64_t n = 0; n < rows; n++) {
        const T *b = w + n * h, *q = hw + n * h;
        T* o = dw + n * h;
        for (int64_t c = 0; c < h; c++)
            o[c] = 0;
        const int64_t begin = first ? first[n] : n, end = first ? first[n + 1] : n + 1;
        for (int64_t k = begin; k < end; k++) {
            const int64_t e = (edge ? edge[k] : k) * h;
            for (int64_t c = 0; c < h; c++) {
                const T X = x[e + c], s = sigmoid(X), G = g[e + c], P = hx[e + c], f1 = silu1(X, s);
                dx[e + c] = G * (b[c] * silu2(X, s) * P + f1 * q[c]);
                dg[e + c] = b[c] * f1 * P + X * s * q[c];
                o[c] += G * f1 * P;
            }
        }
    }
}

// out[e] = silu(x[e]) * c[e], one factor per edge
template <class T>
void silu_scale(int64_t edges, int64_t h, const T* __restrict x, const T* __restrict f, T* __restrict out) {
    for (int64_t e = 0; e < edges; e++)
        for (int64_t c = e * h; c < (e + 1) * h; c++)
            out[c] = x[c] * sigmoid(x[c]) * f[e];
}

// gx = g f silu'(x), gf[e] = g . silu(x)
template <class T>
void silu_scale_gradient(int64_t edges, int64_t h, const T* __restrict x, const T* __restrict f,
                         const T* __restrict g, T* __restrict gx, T* __restrict gf) {
    for (int64_t e = 0; e < edges; e++) {
        T sum = 0;
        for (int64_t c = e * h; c < (e + 1) * h; c++) {
            const T s = sigmoid(x[c]);
            gx[c] = g[c] * f[e] * silu1(x[c], s);
            sum += g[c] * x[c] * s;
        }
        gf[e] = sum;
    }
}

// Derivatives of silu_scale_gradient for incoming hx [edges, h], hf [edges]
template <class T>
void silu_scale_second(int64_t edges, int64_t h, const T* __restrict x, const T* __restrict f,
                       const T* __restrict g, const T* __restrict hx, const T* __restrict hf,
                       T* __restrict dx, T* __restrict df, T* __restrict dg) {
    for (int64_t e = 0; e < edges; e++) {
        T sum = 0;
        for (int64_t c = e * h; c < (e + 1) * h; c++) {
            const T s = sigmoid(x[c]), f1 = silu1(x[c], s);
            dx[c] = g[c] * (f[e] * silu2(x[c], s) * hx[c] + f1 * hf[e]);
            dg[c] = f[e] * f1 * hx[c] + x[c] * s * hf[e];
            sum += g[c] * f1 * hx[c];
        }
        df[e] = sum;
    }
}

// out[k] = x[k] * a[k] for blocks k (an edge's head) of `width` channels with one factor each
template <class T>
void block_mul(int64_t blocks, int64_t width, const T* __restrict x, const T* __restrict a,
               T* __restrict out) {
    for (int64_t k = 0; k < blocks; k++)
        for (int64_t c = k * width; c < (k + 1) * width; c++)
            out[c] = x[c] * a[k];
}

// out[k] = x[k] . y[k]
template <class T>
void block_dot(int64_t blocks, int64_t width, const T* __restrict x, const T* __restrict y,
               T* __restrict out) {
    for (int64_t k = 0; k < blocks; k++) {
        T sum = 0;
        for (int64_t c = k * width; c < (k + 1) * width; c++)
            sum += x[c] * y[c];
        out[k] = sum;
    }
}

} // namespace

#define EXPORT(T, SUFFIX)                                                                                    \
    extern "C" {                                                                                             \
    void gather_mul_##SUFFIX(int64_t e, int64_t h, const T* x, const T* w, Index atom, T* out) {             \
        gather_mul(e, h, x, w, atom, out);                                                                   \
    }                                                                                                        \
    void mul_sum_##SUFFIX(int64_t n, int64_t h, const T* w, const T* y, Index first, Index edge, T* out) {   \
        mul_sum(n, h, w, y, first, edge, out);                                                               \
    }                                                                                                        \
    void row_sum_##SUFFIX(int64_t n, int64_t h, const T* y, Index first, Index edge, T* out) {               \
        row_sum(n, h, y, first, edge, out);                                                                  \
    }                                                                                                        \
    void vector_sum_##SUFFIX(int64_t n, int64_t h, const T* s, const T* v, Index first, Index source,        \
                             Index edge, T* out) {                                                           \
        vector_sum(n, h, s, v, first, source, edge, out);                                                    \
    }                                                                                                        \
    void vector_dot_##SUFFIX(int64_t e, int64_t h, const T* v, const T* g, Index source, Index target,       \
                             T* out) {                                                                       \
        vector_dot(e, h, v, g, source, target, out);                                                         \
    }                                                                                                        \
    void project_##SUFFIX(int64_t e, int64_t h, const T* d, const T* a, Index atom, T* out) {                \
        project(e, h, d, a, atom, out);                                                                      \
    }                                                                                                        \
    void direct_sum_##SUFFIX(int64_t n, int64_t h, const T* d, const T* y, Index first, Index edge,          \
                             T* out) {                                                                       \
        direct_sum(n, h, d, y, first, edge, out);                                                            \
    }                                                                                                        \
    void direction_gradient_##SUFFIX(int64_t e, int64_t h, const T* a, const T* y, Index atom, T* out) {     \
        direction_gradient(e, h, a, y, atom, out);                                                           \
    }                                                                                                        \
    void silu_mul_##SUFFIX(int64_t e, int64_t h, const T* x, const T* w, Index atom, T* out) {               \
        silu_mul(e, h, x, w, atom, out);                                                                     \
    }                                                                                                        \
    void silu_mul_gradient_##SUFFIX(int64_t n, int64_t h, const T* x, const T* w, const T* g, Index first,   \
                                    Index edge, T* gx, T* gw) {                                              \
        silu_mul_gradient(n, h, x, w, g, first, edge, gx, gw);                                               \
    }                                                                                                        \
    void silu_mul_second_##SUFFIX(int64_t n, int64_t h, const T* x, const T* w, const T* g, const T* hx,     \
                                  const T* hw, Index first, Index edge, T* dx, T* dw, T* dg) {               \
        silu_mul_second(n, h, x, w, g, hx, hw, first, edge, dx, dw, dg);                                     \
    }                                                                                                        \
    void silu_scale_##SUFFIX(int64_t e, int64_t h, const T* x, const T* f, T* out) {                         \
        silu_scale(e, h, x, f, out);                                                                         \
    }                                                                                                        \
    void silu_scale_gradient_##SUFFIX(int64_t e, int64_t h, const T* x, const T* f, const T* g, T* gx,       \
                                      T* gf) {                                                               \
        silu_scale_gradient(e, h, x, f, g, gx, gf);                                                          \
    }                                                                                                        \
    void silu_scale_second_##SUFFIX(int64_t e, int64_t h, const T* x, const T* f, const T* g, const T* hx,   \
                                    const T* hf, T* dx, T* df, T* dg) {                                      \
        silu_scale_second(e, h, x, f, g, hx, hf, dx, df, dg);                                                \
    }                                                                                                        \
    void block_mul_##SUFFIX(int64_t k, int64_t width, const T* x, const T* a, T* out) {                      \
        block_mul(k, width, x, a, out);                                                                      \
    }                                                                                                        \
    void block_dot_##SUFFIX(int64_t k, int64_t width, const T* x, const T* y, T* out) {                      \
        block_dot(k, width, x, y, out);                                                                      \
    }                                                                                                        \
    void silu_##SUFFIX(int64_t n, const T* x, T* out) {                                                      \
        silu(n, x, out);                                                                                     \
    }                                                                                                        \
    void silu_gradient_##SUFFIX(int64_t n, const T* x, const T* g, T* out) {                                 \
        silu_gradient(n, x, g, out);                                                                         \
    }                                                                                                        \
    void silu_second_##SUFFIX(int64_t n, const T* x, const T* g, const T* h, T* dx, T* dg) {                 \
        silu_second(n, x, g, h, dx, dg);                                                                     \
    }                                                                                                        \
    }

EXPORT(float, f32)
EXPORT(double, f64)
