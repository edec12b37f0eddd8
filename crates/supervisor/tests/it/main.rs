//! Services of real processes, looked after by a real fleet. Whatever is waited for has a bound; nothing is assumed to be
//! quick.

mod absence;
mod dependencies;
mod ends;
mod harness;
mod killed;
mod places;
mod probes;
mod rollouts;
mod scaling;
