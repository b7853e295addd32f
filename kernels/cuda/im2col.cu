// Windows of images of shape (N, D, H, W, C) as rows of a matrix, and the way back.
//
// Blocks of (x, y) threads: y walks rows or pixels, whose place is then worked out once, and x what
// stands in each, channels last, so that neighbouring threads touch neighbouring memory.
//
// Of the C channels of an image, `channels` from `first` on take part: those of one group.

extern "C" __global__ void im2col(const real* X, index rows, index start, index D, index H, index W,
                                  index C, index first, int channels, int KD, int KH, int KW,
                                  index OD, index OH, index OW, int sd, int sh, int sw, int pd,
                                  int ph, int pw, int dd, int dh, int dw, real* columns)
{
    int width = KD * KH * KW * channels;
    for (index t = (index)blockIdx.x * blockDim.y + threadIdx.y; t < rows;
         t += (index)gridDim.x * blockDim.y) {
        index r = start + t;
        index w0 = r % OW * sw - pw, line = r / OW;
        index h0 = line % OH * sh - ph, plane = line / OH;
        index d0 = plane % OD * sd - pd, n = plane / OD;
        for (int j = threadIdx.x; j < width; j += blockDim.x) {
            int k = j / channels, c = j % channels;
            index w = w0 + (index)(k % KW) * dw;
            index h = h0 + (index)(k / KW % KH) * dh;
            index d = d0 + (index)(k / (KW * KH)) * dd;
            bool inside = d >= 0 && d < D && h >= 0 && h < H && w >= 0 && w < W;
            index pixel = ((n * D + d) * H + h) * W + w;
            columns[t * width + j] = inside ? X[pixel * C + first + c] : real(0);
        }
    }
}

// For each of `pixels` pixels from number `begin` on the windows that contain it, tap after tap.
extern "C" __global__ void col2im(const real* columns, index rows, index start, index begin,
                                  index pixels, index D, index H, index W, index C, index first,
                                  int channels, int KD, int KH, int KW, index OD, index OH,
                                  index OW, int sd, int sh, int sw, int pd, int ph, int pw, int dd,
                                  int dh, int dw, real* X)
{
    for (index t = (index)blockIdx.x * blockDim.y + threadIdx.y; t < pixels;
         t += (index)gridDim.x * blockDim.y) {
        index pixel = begin + t;
        index w = pixel % W, h = pixel / W % H, plane = pixel / (W * H);
        index d = plane % D, n = plane / D;
        for (int c = threadIdx.x; c < channels; c += blockDim.x) {
            real sum = X[pixel * C + first + c];
            for (int kd = 0; kd < KD; kd++) {
                index od = d + pd - (index)kd * dd;
                if (od < 0 || od % sd || od >= OD * sd) continue;
                for (int kh = 0; kh < KH; kh++) {
                    index oh = h + ph - (index)kh * dh;
                    if (oh < 0 || oh % sh || oh >= OH * sh) continue;
                    index line = (n * OD + od / sd) * OH + oh / sh;
                    for (int kw = 0; kw < KW; kw++) {
                        index ow = w + pw - (index)kw * dw;
                        if (ow < 0 || ow % sw || ow >= OW * sw) continue;
                        index row = line * OW + ow / sw - start;
                        if (row < 0 || row >= rows) continue;
                        index tap = ((row * KD + kd) * KH + kh) * KW + kw;
                        sum += columns[tap * channels + c];
                    }
                }
            }
            X[pixel * C + first + c] = sum;
        }
    }
}
