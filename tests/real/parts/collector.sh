# shellcheck shell=bash
# Writes, rotates and is killed; every record in its files counts once.
export WHAT='OpenTelemetry collector 0.160.0'
# The collector's own generator puts together the parts that builder.yaml names.
generated() {
  GOBIN=$PWD/bin go install go.opentelemetry.io/collector/cmd/builder@v0.160.0 &&
    bin/builder --config "$1/builder.yaml" --skip-get-modules --skip-compilation &&
    mv build/* .
}
have() { go_binary otelcol . generated; }
run() { REAL_OTELCOL=$BINARY cargo_real real_collector; }
