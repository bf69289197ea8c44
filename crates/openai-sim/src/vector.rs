//! Embeds text as a hashed bag of word stems and letter triples, so that texts with common words are near.
//!
//! Invariants: a vector has length 1 (within `f32`); the same text and model give the same vector; asking for fewer
//! dimensions gives the start of the full vector, brought back to length 1.
//! Does not know: HTTP, JSON, tokens.
//! Source: the hashing trick (Weinberger et al. 2009).

use crate::hash::{Sequence, hash};
use crate::words::{is_stopword, stem, words};

/// How many places of a vector one feature touches: enough that two features rarely cancel out.
const PLACES: usize = 8;
const STEM_WEIGHT: f32 = 1.0;
const STOPWORD_WEIGHT: f32 = 0.1;
/// Triples let misspelt and inflected words meet.
const TRIPLE_WEIGHT: f32 = 0.25;

/// The vector of `text` in the space of `model`, cut to `dimensions` of the model's `dimensions_max`.
pub(crate) fn embed(text: &str, model: &str, dimensions_max: usize, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions_max];
    let salt = hash(model.as_bytes());
    for word in words(text) {
        let weight = if is_stopword(&word) {
            STOPWORD_WEIGHT
        } else {
            STEM_WEIGHT
        };
        add(&mut vector, salt ^ hash(stem(&word).as_bytes()), weight);
        let letters: Vec<char> = word.chars().collect();
        for triple in letters.windows(3) {
            let triple: String = triple.iter().collect();
            add(
                &mut vector,
                salt ^ hash(triple.as_bytes()).rotate_left(1),
                weight * TRIPLE_WEIGHT,
            );
        }
    }
    vector.truncate(dimensions);
    if length(&vector) < f32::EPSILON {
        // A text without a word (spaces, an emoji) still has a place of its own.
        let place = hash(text.as_bytes()) as usize % dimensions;
        vector[place] = STEM_WEIGHT;
    }
    let length = length(&vector);
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

/// A vector of `text` in the space of `model` in which every feature touches every place, so that the first
/// `dimensions` of a longer vector, brought to length 1, are the shorter one.
pub(crate) fn project(text: &str, model: &str, dimensions: usize) -> Vec<f32> {
    let salt = hash(model.as_bytes());
    // The whole text counts a little, so that texts of the same words in another order differ.
    let mut features = vec![(salt ^ hash(text.as_bytes()), STOPWORD_WEIGHT)];
    features.extend(words(text).map(|word| (salt ^ hash(stem(&word).as_bytes()), STEM_WEIGHT)));
    let mut vector = vec![0.0; dimensions];
    for (feature, weight) in features {
        let mut sequence = Sequence::new(feature);
        for value in &mut vector {
            // Even numbers from -1 to 1; the 24 bits that a float holds exactly.
            let drawn = (sequence.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
            *value += weight * drawn;
        }
    }
    let length = length(&vector).max(f32::EPSILON);
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

fn add(vector: &mut [f32], feature: u64, weight: f32) {
    let mut sequence = Sequence::new(feature);
    for _ in 0..PLACES {
        let drawn = sequence.next();
        let place = (drawn >> 1) as usize % vector.len();
        vector[place] += if drawn & 1 == 0 { weight } else { -weight };
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::{embed, length, project};
    use proptest::prelude::{any, proptest};

    fn nearness(left: &str, right: &str) -> f32 {
        let [left, right] = [left, right].map(|text| embed(text, "model", 1536, 1536));
        left.iter()
            .zip(&right)
            .map(|(left, right)| left * right)
            .sum()
    }

    #[test]
    fn texts_about_the_same_are_nearer_than_others() {
        let near = nearness(
            "How do I reset my password?",
            "Resetting passwords: open the settings.",
        );
        let far = nearness(
            "How do I reset my password?",
            "The lake freezes in cold winters.",
        );
        assert!(near > far + 0.2, "{near} {far}");
        assert!(nearness("same words", "same words") > 0.999);
    }

    #[test]
    fn models_have_spaces_of_their_own() {
        assert_ne!(
            embed("text", "one", 1536, 1536),
            embed("text", "two", 1536, 1536)
        );
    }

    #[test]
    fn a_projection_starts_like_a_longer_one() {
        let near = |left: &str, right: &str| -> f32 {
            let [left, right] = [left, right].map(|text| project(text, "model", 384));
            left.iter()
                .zip(&right)
                .map(|(left, right)| left * right)
                .sum()
        };
        assert!(near("jkqv wxzj", "wxzj jkqv") > 0.9 && near("jkqv wxzj", "zzkk vvqq").abs() < 0.3);
        let (short, long) = (project("jkqv", "model", 8), project("jkqv", "model", 32));
        let scale = length(&long[..8]);
        assert!((length(&long) - 1.0).abs() < 1e-4 && (length(&short) - 1.0).abs() < 1e-4);
        assert!(
            short
                .iter()
                .zip(&long)
                .all(|(short, long)| (short * scale - long).abs() < 1e-5)
        );
    }

    proptest! {
        #[test]
        fn every_text_has_length_one(text in any::<String>(), dimensions in 1usize..600) {
            let vector = embed(&text, "model", 1536, dimensions);
            assert_eq!(vector.len(), dimensions);
            assert!((length(&vector) - 1.0).abs() < 1e-4);
        }
    }
}
