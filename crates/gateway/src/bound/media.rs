//! The most that images and speech can use.
//!
//! Invariants: never below what is published for the largest image of the size asked, or the slowest speech.
//! Does not know: requests' other fields, budgets.
//! Source: OpenAI's image guide: at most 6,240 tokens for an image of 1,536 by 1,024 pixels in high quality, 100 for each partial image;
//! speech of 0.015 USD a minute at 12 USD per million tokens is 21 tokens a second.

use cost_accounting::{Limits, Modalities, PriceRow, Usage};

use crate::request::Making;

/// Tokens of the largest image in the best quality, and its area in pixels; larger ones in proportion.
const IMAGE_TOKENS_MAX: u64 = 6_240;
const IMAGE_PIXELS: u64 = 1_536 * 1_024;
/// What `auto` may choose.
const IMAGE_TOKENS_AUTO_MAX: u64 = 4 * IMAGE_TOKENS_MAX;
const PARTIAL_IMAGE_TOKENS: u64 = 100;
/// Text that a model may write while it makes images.
const IMAGE_TEXT_TOKENS_MAX: u64 = 4_096;
/// Tokens of sound for one byte of text: three quarters of a second for each letter.
const SPEECH_TOKENS_A_BYTE: u64 = 16;

/// The limits of a call that makes no text; `None` for one that does.
pub(super) fn limits(making: Making, input_tokens: u64, row: &PriceRow) -> Option<Limits> {
    match making {
        Making::Text => None,
        Making::Images {
            images,
            partial_images,
            pixels,
        } => {
            let each = pixels.map_or(IMAGE_TOKENS_AUTO_MAX, |pixels| {
                let areas = pixels.div_ceil(IMAGE_PIXELS).max(1);
                areas.saturating_mul(IMAGE_TOKENS_MAX)
            });
            let tokens = each
                .saturating_add(partial_images * PARTIAL_IMAGE_TOKENS)
                .saturating_mul(images)
                .saturating_add(IMAGE_TEXT_TOKENS_MAX);
            Some(Limits {
                modalities: Modalities {
                    image_output: true,
                    image_input: true,
                    ..Modalities::default()
                },
                ..Limits::text(input_tokens, tokens)
            })
        }
        Making::Speech { characters, .. } if is_by_characters(row) => Some(Limits {
            characters,
            ..Limits::default()
        }),
        Making::Speech {
            bytes, slowness, ..
        } => {
            let sound = bytes
                .saturating_mul(SPEECH_TOKENS_A_BYTE)
                .saturating_mul(slowness);
            Some(Limits {
                modalities: Modalities {
                    audio_output: true,
                    ..Modalities::default()
                },
                ..Limits::text(input_tokens, sound)
            })
        }
    }
}

/// What the request itself is billed for, whatever the answer: known where tokens cost nothing.
pub(crate) fn known_usage(making: Making, row: &PriceRow) -> Option<Usage> {
    match making {
        Making::Speech { characters, .. } if is_by_characters(row) => Some(Usage {
            characters,
            ..Usage::default()
        }),
        _ => None,
    }
}

/// Whether speech of this model is billed by the characters of its text: its tokens are free.
fn is_by_characters(row: &PriceRow) -> bool {
    let sound = Usage {
        input: 1_000,
        output: 1_000,
        audio_output: 1_000,
        ..Usage::default()
    };
    row.dearest_cost(&sound) == cost_accounting::PicoUsd::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use cost_accounting::{PriceBook, PriceSource, UnknownPrice};

    fn limits_of(making: Making, model: &str) -> Limits {
        let source = PriceSource {
            name: "prices.toml".to_owned(),
            text: include_str!("../../../../config/prices.toml").to_owned(),
        };
        let book = PriceBook::parse(&[source], UnknownPrice::Refuse).unwrap();
        let row = book
            .find(model, "2026-11-22T12:00:00Z".parse().unwrap())
            .unwrap();
        assert_eq!(
            known_usage(making, &row).is_some(),
            model.starts_with("tts-1")
        );
        limits(making, 50, &row).unwrap()
    }

    fn images(images: u64, pixels: Option<u64>) -> Making {
        Making::Images {
            images,
            partial_images: 2,
            pixels,
        }
    }

    #[test]
    fn an_image_is_bounded_by_its_area() {
        let tokens = |making| limits_of(making, "gpt-image-1").output_tokens;
        assert_eq!(tokens(images(1, Some(1_024 * 1_024))), 6_240 + 200 + 4_096);
        assert_eq!(
            tokens(images(2, Some(3_072 * 1_024))),
            2 * (2 * 6_240 + 200) + 4_096
        );
        assert!(tokens(images(1, None)) > tokens(images(1, Some(1_536 * 1_024))));
    }

    #[test]
    fn speech_is_bounded_by_characters_or_by_its_length() {
        let speech = |slowness| Making::Speech {
            characters: 10,
            bytes: 12,
            slowness,
        };
        assert_eq!(limits_of(speech(1), "tts-1").characters, 10);
        assert_eq!(limits_of(speech(1), "tts-1").output_tokens, 0);
        let sound = |slowness| limits_of(speech(slowness), "gpt-4o-mini-tts");
        assert_eq!(sound(1).output_tokens, 192);
        assert_eq!(sound(4).output_tokens, 768);
        assert!(sound(1).modalities.audio_output && sound(1).characters == 0);
    }
}
