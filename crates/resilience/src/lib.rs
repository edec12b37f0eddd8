//! Resilience policies as tower layers.
