//! The prices of one model and tier, a price per class of tokens, with every gap filled in.
//!
//! Invariants: a price that is not stated is never zero: it becomes the dearest that the stated ones allow; derived prices are rounded up.
//! Does not know: files, dates, models.
//! Source: OpenAI's pricing: cache writes cost 1.25 times input (30 minutes) or 2.5 times (12 hours); long context
//! doubles input and cache prices and multiplies output by one and a half; images and audio without a price of their own count as text.

use crate::money::PicoUsd;
use crate::usage::Usage;

/// Micro-USD per million tokens, which is the same number as pico-USD per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenPrice(u32);

impl TokenPrice {
    /// Takes micro-USD per million tokens: 0.15 USD per million is 150,000.
    #[must_use]
    pub const fn from_micro_usd_per_million(micro_usd: u32) -> TokenPrice {
        TokenPrice(micro_usd)
    }

    /// Micro-USD per million tokens.
    #[must_use]
    pub const fn micro_usd_per_million(self) -> u32 {
        self.0
    }

    /// What so many tokens cost.
    ///
    /// Cannot overflow: `u32` times `u64` fits `i128`.
    #[must_use]
    pub fn cost(self, tokens: u64) -> PicoUsd {
        PicoUsd::from_pico(i128::from(self.0) * i128::from(tokens))
    }

    /// This price changed as `from` changes to `to`, rounded up; `None` if that does not fit.
    /// Nothing can be learnt from a free `from`: then the dearer of this price and `to`.
    fn in_proportion(self, to: TokenPrice, from: TokenPrice) -> Option<TokenPrice> {
        if from.0 == 0 {
            return Some(self.max(to));
        }
        self.scaled(to.0, from.0)
    }

    /// This price times a fraction, rounded up. The denominator is not zero.
    fn scaled(self, numerator: u32, denominator: u32) -> Option<TokenPrice> {
        let price = (u64::from(self.0) * u64::from(numerator)).div_ceil(u64::from(denominator));
        u32::try_from(price).ok().map(TokenPrice)
    }
}

/// A class of tokens with a price of its own. Reasoning is billed as output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Input,
    CachedInput,
    CacheWrite30m,
    CacheWrite12h,
    Output,
    AudioInput,
    CachedAudioInput,
    AudioOutput,
    ImageInput,
    CachedImageInput,
    ImageOutput,
}

/// How many classes there are.
const CLASSES: usize = 11;

impl Class {
    /// Every class, in the order of its number.
    pub(crate) const ALL: [Class; CLASSES] = [
        Class::Input,
        Class::CachedInput,
        Class::CacheWrite30m,
        Class::CacheWrite12h,
        Class::Output,
        Class::AudioInput,
        Class::CachedAudioInput,
        Class::AudioOutput,
        Class::ImageInput,
        Class::CachedImageInput,
        Class::ImageOutput,
    ];

    /// The field of a price file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Class::Input => "input",
            Class::CachedInput => "cached_input",
            Class::CacheWrite30m => "cache_write_30m",
            Class::CacheWrite12h => "cache_write_12h",
            Class::Output => "output",
            Class::AudioInput => "audio_input",
            Class::CachedAudioInput => "cached_audio_input",
            Class::AudioOutput => "audio_output",
            Class::ImageInput => "image_input",
            Class::CachedImageInput => "cached_image_input",
            Class::ImageOutput => "image_output",
        }
    }

    /// Whether it is output.
    pub(crate) fn is_output(self) -> bool {
        matches!(
            self,
            Class::Output | Class::AudioOutput | Class::ImageOutput
        )
    }

    /// The class that a cached modality would be in if it were not cached.
    fn uncached(self) -> Class {
        match self {
            Class::CachedInput => Class::Input,
            Class::CachedAudioInput => Class::AudioInput,
            Class::CachedImageInput => Class::ImageInput,
            other => other,
        }
    }

    /// The tokens of this class. Those of all classes are all tokens.
    pub(crate) fn tokens(self, usage: &Usage) -> u128 {
        let tokens = match self {
            Class::Input => usage.input,
            Class::CachedInput => usage.cached_input,
            Class::CacheWrite30m => usage.cache_write_30m,
            Class::CacheWrite12h => usage.cache_write_12h,
            Class::Output => return u128::from(usage.output) + u128::from(usage.reasoning),
            Class::AudioInput => usage.audio_input,
            Class::CachedAudioInput => usage.cached_audio_input,
            Class::AudioOutput => usage.audio_output,
            Class::ImageInput => usage.image_input,
            Class::CachedImageInput => usage.cached_image_input,
            Class::ImageOutput => usage.image_output,
        };
        tokens.into()
    }
}

/// Prices as somebody wrote them down; `None` is "not stated", which is not zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatedRates([Option<TokenPrice>; CLASSES]);

impl StatedRates {
    /// Asks for the price of every class.
    pub(crate) fn read(mut price: impl FnMut(Class) -> Option<TokenPrice>) -> StatedRates {
        StatedRates(Class::ALL.map(&mut price))
    }

    pub(crate) fn get(&self, class: Class) -> Option<TokenPrice> {
        self.0[class as usize]
    }
}

/// One price for each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates([TokenPrice; CLASSES]);

impl Rates {
    /// Everything is free.
    pub(crate) const FREE: Rates = Rates([TokenPrice(0); CLASSES]);

    pub(crate) fn get(&self, class: Class) -> TokenPrice {
        self.0[class as usize]
    }

    /// What the tokens cost.
    pub(crate) fn cost(&self, usage: &Usage) -> PicoUsd {
        // A dozen products of 97 bits: the sum cannot reach the end of `i128`.
        let pico = Class::ALL.into_iter().map(|class| {
            i128::from(self.get(class).0) * i128::try_from(class.tokens(usage)).unwrap_or(i128::MAX)
        });
        PicoUsd::from_pico(pico.sum())
    }

    /// The classes' prices from those that are stated and a rule for each gap; `None` if a derived price does not fit.
    fn filled(
        stated: &StatedRates,
        mut gap: impl FnMut(Class) -> Option<TokenPrice>,
    ) -> Option<Rates> {
        let mut rates = Rates::FREE;
        for class in Class::ALL {
            rates.0[class as usize] = match stated.get(class) {
                Some(price) => price,
                None => gap(class)?,
            };
        }
        Some(rates)
    }

    /// Fills the gaps of standard prices: cached input costs input, a cache write 2.5 times input (the dearest known), or
    /// just input where writes are not billed apart; audio and images cost what text does. What is written to the cache can be audio
    /// or an image: where writes are billed, an unstated one costs no less than they do.
    pub(crate) fn standard(
        stated: &StatedRates,
        input: TokenPrice,
        output: TokenPrice,
        writes_billed: bool,
    ) -> Option<Rates> {
        let or_input = |class| stated.get(class).unwrap_or(input);
        Rates::filled(stated, |class| match class {
            Class::Input | Class::CachedInput | Class::AudioInput | Class::ImageInput => {
                Some(input)
            }
            Class::CacheWrite30m | Class::CacheWrite12h if writes_billed => {
                let (audio, image) = (or_input(Class::AudioInput), or_input(Class::ImageInput));
                Some(input.scaled(5, 2)?.max(audio).max(image))
            }
            Class::CacheWrite30m | Class::CacheWrite12h => Some(input),
            Class::Output | Class::AudioOutput | Class::ImageOutput => Some(output),
            // Without a price of its own, a modality counts as text, cached or not.
            Class::CachedAudioInput | Class::CachedImageInput => {
                let as_text = || stated.get(Class::CachedInput).unwrap_or(input);
                let own = stated.get(class.uncached());
                Some(own.unwrap_or_else(as_text))
            }
        })
    }

    /// Fills the gaps of another tier: cached input costs the tier's input; a cache write stands to the tier's input as in
    /// the standard prices. Audio and images cost what the tier's text does, or, if the standard prices tell them apart, the dearer of
    /// what they cost there and of that in proportion to the tier's text.
    pub(crate) fn tier(
        &self,
        standard: &StatedRates,
        stated: &StatedRates,
        input: TokenPrice,
        output: TokenPrice,
    ) -> Option<Rates> {
        let own = |class: Class| standard.get(class).or(stated.get(class)).is_some();
        let part = |class: Class, text: Class, of_tier: TokenPrice| {
            let price = self.get(class);
            match stated.get(class) {
                Some(stated) => Some(stated),
                None if !own(class) => Some(of_tier),
                None => Some(price.in_proportion(of_tier, self.get(text))?.max(price)),
            }
        };
        Rates::filled(stated, |class| match class {
            Class::Input | Class::CachedInput => Some(input),
            Class::CacheWrite30m | Class::CacheWrite12h => {
                self.get(class).in_proportion(input, self.get(Class::Input))
            }
            Class::Output => Some(output),
            Class::AudioInput | Class::ImageInput => part(class, Class::Input, input),
            Class::AudioOutput | Class::ImageOutput => part(class, Class::Output, output),
            Class::CachedAudioInput | Class::CachedImageInput if own(class.uncached()) => {
                part(class.uncached(), Class::Input, input)
            }
            Class::CachedAudioInput | Class::CachedImageInput => {
                Some(stated.get(Class::CachedInput).unwrap_or(input))
            }
        })
    }

    /// Fills the gaps of long-context prices: input twice, output one and a half times the standard price; all other prices grow as
    /// input or output does.
    pub(crate) fn long(&self, stated: &StatedRates) -> Option<Rates> {
        let or_scaled = |class: Class, numerator, denominator| {
            let scaled = || self.get(class).scaled(numerator, denominator);
            stated.get(class).or_else(scaled)
        };
        let input = or_scaled(Class::Input, 2, 1)?;
        let output = or_scaled(Class::Output, 3, 2)?;
        Rates::filled(stated, |class| match class {
            Class::Input => Some(input),
            Class::Output => Some(output),
            Class::AudioOutput | Class::ImageOutput => self
                .get(class)
                .in_proportion(output, self.get(Class::Output)),
            _ => self.get(class).in_proportion(input, self.get(Class::Input)),
        })
    }

    /// Another tier's long-context prices: each class of `tier` grows as it does from `self` (standard) to `long`.
    pub(crate) fn long_of_tier(&self, long: &Rates, tier: &Rates) -> Option<Rates> {
        Rates::filled(&StatedRates::default(), |class| {
            tier.get(class)
                .in_proportion(long.get(class), self.get(class))
        })
    }

    /// Every price raised by so many percent, rounded up; `None` if one does not fit.
    pub(crate) fn raised(&self, percent: u32) -> Option<Rates> {
        Rates::filled(&StatedRates::default(), |class| {
            self.get(class).scaled(100 + percent, 100)
        })
    }

    /// Whether no class is cheaper than in `other`.
    pub(crate) fn covers(&self, other: &Rates) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| *own >= other)
    }
}

#[cfg(test)]
mod tests;
