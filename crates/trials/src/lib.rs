//! Load and experiments on running services.
