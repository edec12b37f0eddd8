//! Real processes, as they misbehave in the wild.

mod ends;
mod folders;
mod harness;
mod launches;
mod limits;
mod orphans;
mod output;
mod owners;
mod plain;
mod trees;
