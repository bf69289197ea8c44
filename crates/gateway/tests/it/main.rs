//! The data plane at its own door: a real socket before it, the simulator behind it.
//!
//! Invariants: no port is fixed, no test sleeps for a result that it could wait for.
//! Does not know: the command line.

#[cfg(test)]
mod disk;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod world;
