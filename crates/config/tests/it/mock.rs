//! Tests without anything but a temporary directory.
//!
//! Invariants: no process environment is read.
//! Does not know: the inside of the crate.

mod layers;
mod leaks;
mod pages;
mod production;
mod refusals;
mod secret_key;
mod trust;
