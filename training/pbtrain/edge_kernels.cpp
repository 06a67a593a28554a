// Sums and products over edges for training, fused so that no [edges, 3, H] array is ever made.
// Every kernel is multilinear (or SiLU), so the kernels are each other's derivatives: see edge_ops.py.
// An edge e has a target and a source atom; `first` [rows + 1] delimits a target's edges, and edges by
// source are reached through `reverse`, the number of the opposite edge.

#include <torch/extension.h>

#include <cmath>

using torch::Tensor;

namespace {

template <class F> void dispatch(const Tensor &like, F &&body) {
    AT_DISPATCH_FLOATING_TYPES(like.scalar_type(), "edge_kernels", [&] { body(scalar_t{}); });
}

const int64_t *index(const Tensor &t) { return t.data_ptr<int64_t>(); }

// out[e] = x[atom[e]] * w[e]
Tensor gather_mul(Tensor x, Tensor w, const Tensor &atom) {
    x = x.contiguous(), w = w.contiguous();
    Tensor out = torch::empty_like(w);
    const int64_t edges = w.size(0), h = w.size(1);
    dispatch(w, [&](auto zero) {
        using T = decltype(zero);
        const T *X = x.data_ptr<T>(), *W = w.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t e = 0; e < edges; e++) {
            const T *a = X + index(atom)[e] * h, *b = W + e * h;
            T *o = O + e * h;
            for (int64_t c = 0; c < h; c++) o[c] = a[c] * b[c];
        }
    });
    return out;
}

// out[e] = x[atom[e]]
Tensor gather(Tensor x, const Tensor &atom) { return x.index_select(0, atom); }

// out[n] = sum of w[e] * y[e] over the edges e of atom n (order: `edge` of the row's slots, or the slots)
Tensor mul_sum(Tensor w, Tensor y, const Tensor &first, const c10::optional<Tensor> &edge) {
    w = w.contiguous(), y = y.contiguous();
    const int64_t rows = first.size(0) - 1, h = w.size(1);
    Tensor out = torch::zeros({rows, h}, w.options());
    dispatch(w, [&](auto zero) {
        using T = decltype(zero);
        const T *W = w.data_ptr<T>(), *Y = y.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t n = 0; n < rows; n++)
            for (int64_t k = index(first)[n]; k < index(first)[n + 1]; k++) {
                const int64_t e = edge ? index(*edge)[k] : k;
                const T *a = W + e * h, *b = Y + e * h;
                T *o = O + n * h;
                for (int64_t c = 0; c < h; c++) o[c] += a[c] * b[c];
            }
    });
    return out;
}

// out[n] = sum of y[e] over the edges e of atom n
Tensor row_sum(Tensor y, const Tensor &first, const c10::optional<Tensor> &edge) {
    y = y.contiguous();
    const int64_t rows = first.size(0) - 1, h = y.size(1);
    Tensor out = torch::zeros({rows, h}, y.options());
    dispatch(y, [&](auto zero) {
        using T = decltype(zero);
        const T *Y = y.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t n = 0; n < rows; n++)
            for (int64_t k = index(first)[n]; k < index(first)[n + 1]; k++) {
                const T *b = Y + (edge ? index(*edge)[k] : k) * h;
                T *o = O + n * h;
                for (int64_t c = 0; c < h; c++) o[c] += b[c];
            }
    });
    return out;
}

// out[n, s] = sum over the edges e of atom n of s[e] * v[other(e), s];  v [rows, 3, H]
Tensor vector_sum(Tensor s, Tensor v, const Tensor &first, const Tensor &source,
                  const c10::optional<Tensor> &edge) {
    s = s.contiguous(), v = v.contiguous();
    const int64_t rows = first.size(0) - 1, h = s.size(1);
    Tensor out = torch::zeros({rows, 3, h}, s.options());
    dispatch(s, [&](auto zero) {
        using T = decltype(zero);
        const T *S = s.data_ptr<T>(), *V = v.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t n = 0; n < rows; n++)
            for (int64_t k = index(first)[n]; k < index(first)[n + 1]; k++) {
                // slot k names the atom at its other end whichever way the edge is read
                const T *b = V + index(source)[k] * 3 * h, *a = S + (edge ? index(*edge)[k] : k) * h;
                T *o = O + n * 3 * h;
                for (int64_t c = 0; c < h; c++) {
                    o[c] += a[c] * b[c];
                    o[h + c] += a[c] * b[h + c];
                    o[2 * h + c] += a[c] * b[2 * h + c];
                }
            }
    });
    return out;
}

// out[e] = sum_s v[source(e), s] * g[target(e), s]
Tensor vector_dot(Tensor v, Tensor g, const Tensor &source, const Tensor &target) {
    v = v.contiguous(), g = g.contiguous();
    const int64_t edges = source.size(0), h = v.size(2);
    Tensor out = torch::empty({edges, h}, v.options());
    dispatch(v, [&](auto zero) {
        using T = decltype(zero);
        const T *V = v.data_ptr<T>(), *G = g.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t e = 0; e < edges; e++) {
            const T *a = V + index(source)[e] * 3 * h, *b = G + index(target)[e] * 3 * h;
            T *o = O + e * h;
            for (int64_t c = 0; c < h; c++)
                o[c] = a[c] * b[c] + a[h + c] * b[h + c] + a[2 * h + c] * b[2 * h + c];
        }
    });
    return out;
}

// out[e] = sum_s d[e, s] * a[atom(e), s]
Tensor project(Tensor d, Tensor a, const Tensor &atom) {
    d = d.contiguous(), a = a.contiguous();
    const int64_t edges = d.size(0), h = a.size(2);
    Tensor out = torch::empty({edges, h}, a.options());
    dispatch(a, [&](auto zero) {
        using T = decltype(zero);
        const T *D = d.data_ptr<T>(), *A = a.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t e = 0; e < edges; e++) {
            const T *x = A + index(atom)[e] * 3 * h;
            const T d0 = D[3 * e], d1 = D[3 * e + 1], d2 = D[3 * e + 2];
            T *o = O + e * h;
            for (int64_t c = 0; c < h; c++) o[c] = d0 * x[c] + d1 * x[h + c] + d2 * x[2 * h + c];
        }
    });
    return out;
}

// out[n, s] = sum over the edges e of atom n of d[e, s] * y[e]
Tensor direct_sum(Tensor d, Tensor y, const Tensor &first, const c10::optional<Tensor> &edge) {
    d = d.contiguous(), y = y.contiguous();
    const int64_t rows = first.size(0) - 1, h = y.size(1);
    Tensor out = torch::zeros({rows, 3, h}, y.options());
    dispatch(y, [&](auto zero) {
        using T = decltype(zero);
        const T *D = d.data_ptr<T>(), *Y = y.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t n = 0; n < rows; n++)
            for (int64_t k = index(first)[n]; k < index(first)[n + 1]; k++) {
                const int64_t e = edge ? index(*edge)[k] : k;
                const T *b = Y + e * h;
                const T d0 = D[3 * e], d1 = D[3 * e + 1], d2 = D[3 * e + 2];
                T *o = O + n * 3 * h;
                for (int64_t c = 0; c < h; c++) {
                    o[c] += d0 * b[c];
                    o[h + c] += d1 * b[c];
                    o[2 * h + c] += d2 * b[c];
                }
            }
    });
    return out;
}

// out[e, s] = a[atom(e), s] . y[e]
Tensor direction_gradient(Tensor a, Tensor y, const Tensor &atom) {
    a = a.contiguous(), y = y.contiguous();
    const int64_t edges = y.size(0), h = y.size(1);
    Tensor out = torch::empty({edges, 3}, y.options());
    dispatch(y, [&](auto zero) {
        using T = decltype(zero);
        const T *A = a.data_ptr<T>(), *Y = y.data_ptr<T>();
        T *O = out.data_ptr<T>();
        for (int64_t e = 0; e < edges; e++) {
            const T *x = A + index(atom)[e] * 3 * h, *b = Y + e * h;
            T s0 = 0, s1 = 0, s2 = 0;
            for (int64_t c = 0; c < h; c++) s0 += x[c] * b[c], s1 += x[h + c] * b[c], s2 += x[2 * h + c] * b[c];
            O[3 * e] = s0, O[3 * e + 1] = s1, O[3 * e + 2] = s2;
        }
    });
    return out;
}

// g silu'(x)
Tensor silu_gradient(Tensor x, Tensor g) {
    x = x.contiguous(), g = g.contiguous();
    Tensor out = torch::empty_like(x);
    dispatch(x, [&](auto zero) {
        using T = decltype(zero);
        const T *X = x.data_ptr<T>(), *G = g.data_ptr<T>();
        T *O = out.data_ptr<T>();
        const int64_t n = x.numel();
        for (int64_t k = 0; k < n; k++) {
            const T s = T(1) / (T(1) + std::exp(-X[k]));
            O[k] = G[k] * s * (T(1) + X[k] * (T(1) - s));
        }
    });
    return out;
}

// silu(x)
Tensor silu(Tensor x) {
    x = x.contiguous();
    Tensor out = torch::empty_like(x);
    dispatch(x, [&](auto zero) {
        using T = decltype(zero);
        const T *X = x.data_ptr<T>();
        T *O = out.data_ptr<T>();
        const int64_t n = x.numel();
        for (int64_t k = 0; k < n; k++) O[k] = X[k] / (T(1) + std::exp(-X[k]));
    });
    return out;
}

// (h g silu''(x), h silu'(x)): derivatives of silu_gradient for an incoming h
std::vector<Tensor> silu_second(Tensor x, Tensor g, Tensor h) {
    x = x.contiguous(), g = g.contiguous(), h = h.contiguous();
    Tensor dx = torch::empty_like(x), dg = torch::empty_like(x);
    dispatch(x, [&](auto zero) {
        using T = decltype(zero);
        const T *X = x.data_ptr<T>(), *G = g.data_ptr<T>(), *H = h.data_ptr<T>();
        T *DX = dx.data_ptr<T>(), *DG = dg.data_ptr<T>();
        const int64_t n = x.numel();
        for (int64_t k = 0; k < n; k++) {
            const T s = T(1) / (T(1) + std::exp(-X[k])), t = s * (T(1) - s);
            DG[k] = H[k] * (s + X[k] * t);
            DX[k] = H[k] * G[k] * t * (T(2) + X[k] * (T(1) - T(2) * s));
        }
    });
    return {dx, dg};
}

} // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
    m.def("gather_mul", &gather_mul);
    m.def("gather", &gather);
    m.def("mul_sum", &mul_sum);
    m.def("row_sum", &row_sum);
    m.def("vector_sum", &vector_sum);
    m.def("vector_dot", &vector_dot);
    m.def("project", &project);
    m.def("direct_sum", &direct_sum);
    m.def("direction_gradient", &direction_gradient);
    m.def("silu", &silu);
    m.def("silu_gradient", &silu_gradient);
    m.def("silu_second", &silu_second);
}
