//! A service that fails on purpose, on a fixed seed.
