# `just` lists these; each is a plain cargo command.

default:
    @just --list

# everything CI checks
test:
    cargo xtask test

# the quick loop
check:
    cargo clippy --workspace --all-targets

# generated files
generate:
    cargo xtask generate

# what the gateway does for a fragile service
demo:
    cargo run --release -- demo

# time per request next to nginx, HAProxy and Envoy
bench-gateway:
    cargo build --profile dist -p seaworthy -p bench-gateway
    target/dist/bench-gateway

# what the policies add to a call
bench-resilience:
    cargo bench -p seaworthy-bench-resilience
