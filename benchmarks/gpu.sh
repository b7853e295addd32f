#!/usr/bin/env bash
# Everything that only a real NVIDIA GPU can tell, in one call of under 10 minutes.
#
#     pip install -e '.[cuda13,test]' torch     # or cuda12; PyTorch is compared with where it is
#     benchmarks/gpu.sh
#
# The results go to $OUT, or to benchmarks/results/<date>-<gpu>. Every part runs, whatever became of
# the others; the exit status says whether all passed.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

gpu=$($python -c 'import gpunet; print(gpunet.cuda.get_device_name().replace(" ", "-"))' 2>/dev/null) || {
    echo "no usable GPU:" >&2
    $python -m gpunet info >&2
    exit 1
}
out=${OUT:-benchmarks/results/$(date +%F)-$gpu}
mkdir -p "$out"
failed=0

part() {  # name, seconds at most, command ...
    local name=$1 limit=$2 begin=$SECONDS status=0
    shift 2
    timeout "$limit" "$@" >"$out/$name.txt" 2>&1 || status=$?
    echo "$name: status $status, $((SECONDS - begin)) s" | tee -a "$out/summary.txt"
    [ "$status" = 0 ] || { failed=1; tail -n 20 "$out/$name.txt"; }
}

bench() {  # case, seconds at most, options ...
    local case=$1 limit=$2
    shift 2
    part "$case" "$limit" $python -m gpunet bench "$case" --device cuda --peers torch,torch-graph \
        --out "$out" "$@"
}

: >"$out/summary.txt"
part info 20 $python -m gpunet info
part gpu_tests 80 $python -m pytest --cuda=real -m gpu -rs tests
part digits 40 $python -m gpunet train digits --device cuda --out "$out/digits"
bench machine 20
bench mlp-train 80 --rounds 2 --seconds 0.3 --where optimizer=Adam --where batch=128 --where batch=1024
bench mlp-inference 50 --rounds 1 --seconds 0.3 --where batch=1 --where batch=256
bench dataloader 30 --rounds 1 --seconds 0.3 --where batch=128
bench mnist-epochs 60 --rounds 1
bench bandwidth 30
bench roofline 40
# What is left of ten minutes; the limits above add up to 450 seconds at most.
part tests $((590 - SECONDS)) $python -m pytest --cuda=real -m 'not gpu' --durations=15 tests
exit $failed
