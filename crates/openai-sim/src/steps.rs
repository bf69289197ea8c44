//! Turns the pieces of a body and the script's pace and faults into the steps of its playback.
//!
//! Invariants: cutting by bytes keeps exactly so many; output tokens go with the last byte that carries them.
//! Does not know: HTTP, what the pieces say.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::playback::Step;
use crate::reply::Piece;
use crate::script::{End, EndPoint, Script};

pub(crate) fn plan(pieces: Vec<Piece>, script: &Script) -> VecDeque<Step> {
    let dripped = match script.pace.drip_bytes {
        Some(bytes) => drip(pieces, bytes),
        None => pieces,
    };
    let (pieces, end) = match script.fault.end {
        Some((point, end)) => (keep(dripped, point), Some(end)),
        None => (dripped, None),
    };
    let mut steps = VecDeque::with_capacity(pieces.len() + 2);
    for (index, piece) in pieces.into_iter().enumerate() {
        let wait = if index == 0 {
            script.pace.before_first_byte
        } else {
            script.pace.between_chunks
        };
        if !wait.is_zero() {
            steps.push_back(Step::Wait(wait));
        }
        steps.push_back(Step::Send {
            bytes: piece.bytes,
            tokens: piece.tokens,
        });
    }
    match end {
        Some(End::Cut) => steps.push_back(Step::Fail {
            reset: script.fault.reset,
        }),
        Some(End::Stall) => steps.push_back(Step::Hang),
        // The body ends before all its tokens are sent: a step after the last piece keeps the meter from taking it for whole.
        Some(End::Clean) => steps.push_back(Step::Leave),
        None => {}
    }
    steps
}

fn drip(pieces: Vec<Piece>, drop_bytes: usize) -> Vec<Piece> {
    let mut drops = Vec::new();
    let mut filling = BytesMut::with_capacity(drop_bytes);
    let mut tokens = 0;
    for mut piece in pieces {
        while !piece.bytes.is_empty() {
            let room = (drop_bytes - filling.len()).min(piece.bytes.len());
            filling.extend_from_slice(&piece.bytes.split_to(room));
            if piece.bytes.is_empty() {
                tokens += piece.tokens;
            }
            if filling.len() == drop_bytes {
                drops.push(Piece {
                    bytes: filling.split().freeze(),
                    tokens: std::mem::take(&mut tokens),
                });
            }
        }
    }
    if !filling.is_empty() {
        drops.push(Piece {
            bytes: filling.freeze(),
            tokens,
        });
    }
    drops
}

fn keep(mut pieces: Vec<Piece>, point: EndPoint) -> Vec<Piece> {
    match point {
        EndPoint::Chunks(chunks) => pieces.truncate(chunks),
        EndPoint::Bytes(bytes) => {
            let mut left = bytes;
            pieces.retain_mut(|piece| {
                let taken = left.min(piece.bytes.len());
                left -= taken;
                if taken < piece.bytes.len() {
                    *piece = Piece {
                        bytes: piece.bytes.slice(..taken),
                        tokens: 0,
                    };
                }
                taken > 0
            });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{drip, keep};
    use crate::reply::Piece;
    use crate::script::EndPoint;
    use bytes::Bytes;
    use proptest::prelude::{any, prop, proptest};

    fn pieces(parts: &[(Vec<u8>, u8)]) -> Vec<Piece> {
        parts
            .iter()
            .map(|(bytes, tokens)| Piece {
                bytes: Bytes::from(bytes.clone()),
                tokens: u64::from(*tokens),
            })
            .collect()
    }

    fn joined(pieces: &[Piece]) -> Vec<u8> {
        pieces
            .iter()
            .flat_map(|piece| piece.bytes.to_vec())
            .collect()
    }

    proptest! {
        #[test]
        fn dripping_keeps_bytes_and_tokens(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..9), any::<u8>()), 0..9), bytes in 1usize..12
        ) {
            let whole = pieces(&parts);
            let dripped = drip(pieces(&parts), bytes);
            assert_eq!(joined(&dripped), joined(&whole));
            assert_eq!(dripped.iter().map(|drop| drop.tokens).sum::<u64>(), whole.iter().map(|piece| piece.tokens).sum::<u64>());
            assert!(dripped.iter().rev().skip(1).all(|drop| drop.bytes.len() == bytes));
        }

        #[test]
        fn cutting_keeps_exactly_so_many_bytes(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..9), any::<u8>()), 0..9), bytes in 0usize..80
        ) {
            let whole = joined(&pieces(&parts));
            let kept = joined(&keep(pieces(&parts), EndPoint::Bytes(bytes)));
            assert_eq!(kept, whole[..bytes.min(whole.len())]);
        }
    }
}
