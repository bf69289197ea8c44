//! Which exchanges a contract is for.
//!
//! Invariants: what is written reads back.
//! Does not know: what the contract says of them.

use std::collections::BTreeMap;

use crate::contract::ContractError;
use crate::exchange::{Exchange, Payload};

/// The exchanges that a contract is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// As in `POST`; `None`: any.
    pub method: Option<String>,
    /// As in `/chat/completions`; `None`: any.
    pub route: Option<String>,
    /// Further methods and routes that are answered so.
    pub also: Vec<(String, String)>,
    /// The least and the largest status.
    pub status: (u16, u16),
    /// The part that it describes.
    pub part: Part,
}

/// The part of an exchange that a contract's shape describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An answer that is one JSON value.
    Json,
    /// An answer that is a stream of events.
    Events,
    /// The request.
    Request,
    /// An answer that is neither: sound, a file, plain text.
    Bytes,
}

impl Part {
    const ALL: [Self; 4] = [Self::Json, Self::Events, Self::Request, Self::Bytes];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Events => "events",
            Self::Request => "request",
            Self::Bytes => "bytes",
        }
    }
}

impl Call {
    pub(crate) fn read(lines: &BTreeMap<String, String>) -> Result<Self, ContractError> {
        let mut call = Self {
            method: None,
            route: None,
            also: Vec::new(),
            status: (200, 200),
            part: Part::Json,
        };
        for (name, value) in lines {
            match name.as_str() {
                "method" => call.method = Some(value.clone()),
                "route" => call.route = Some(value.clone()),
                "also" => {
                    let calls = value.split(", ").map(|call| {
                        let (method, route) = call.split_once(' ')?;
                        Some((method.to_owned(), route.to_owned()))
                    });
                    let calls: Option<Vec<_>> = calls.collect();
                    let calls = calls.ok_or("it is no list as in GET /a, POST /b");
                    call.also = calls.map_err(ContractError::place("call.also"))?;
                }
                "status" => {
                    call.status = range(value).map_err(ContractError::place("call.status"))?;
                }
                "part" => {
                    let part = Part::ALL.into_iter().find(|part| part.name() == value);
                    let part = part.ok_or("the part is unknown");
                    call.part = part.map_err(ContractError::place("call.part"))?;
                }
                _ => return Err(ContractError::place(name)("a call has no such field")),
            }
        }
        Ok(call)
    }

    pub(crate) fn write(&self) -> Vec<(&'static str, String)> {
        let (least, largest) = self.status;
        let status = if least == largest {
            least.to_string()
        } else {
            format!("{least}-{largest}")
        };
        let method = self.method.clone().map(|method| ("method", method));
        let route = self.route.clone().map(|route| ("route", route));
        let rest = [("status", status), ("part", self.part.name().to_owned())];
        let also: Vec<String> = self
            .also
            .iter()
            .map(|(method, route)| format!("{method} {route}"))
            .collect();
        let also = (!also.is_empty()).then(|| ("also", also.join(", ")));
        let head = method.into_iter().chain(route).chain(also);
        head.chain(rest).collect()
    }

    /// Whether an exchange is on its route, whatever the answer.
    pub(crate) fn fits_route(&self, exchange: &Exchange) -> bool {
        let fits = |wanted: &Option<String>, real: &String| {
            wanted.as_ref().is_none_or(|wanted| wanted == real)
        };
        let first = fits(&self.method, &exchange.method) && fits(&self.route, &exchange.route);
        let is_this = |(method, route): &(String, String)| {
            *method == exchange.method && *route == exchange.route
        };
        first || self.also.iter().any(is_this)
    }

    /// Whether it names the route, rather than taking any.
    pub(crate) fn has_route(&self) -> bool {
        self.route.is_some()
    }

    pub(crate) fn fits_status(&self, status: u16) -> bool {
        (self.status.0..=self.status.1).contains(&status)
    }

    /// How many statuses it takes.
    pub(crate) fn breadth(&self) -> u16 {
        self.status.1 - self.status.0
    }

    /// Whether the answer is of its form.
    pub(crate) fn fits_form(&self, answer: &Payload) -> bool {
        match self.part {
            Part::Json => matches!(answer, Payload::Json(_)),
            Part::Events => matches!(answer, Payload::Events(_)),
            Part::Bytes => matches!(answer, Payload::Other { .. }),
            Part::Request => false,
        }
    }
}

fn range(text: &str) -> Result<(u16, u16), &'static str> {
    let (least, largest) = text.split_once('-').unwrap_or((text, text));
    match (least.parse(), largest.parse()) {
        (Ok(least), Ok(largest)) if least <= largest => Ok((least, largest)),
        _ => Err("it is no status, nor a range as in 400-599"),
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn a_call_reads_as_it_is_written_or_names_its_flaw() {
        let read = |lines: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Call::read(&lines.iter().map(owned).collect()).map_err(|error| error.to_string())
        };
        for status in ["200", "400-599"] {
            let lines = [
                ("method", "POST"),
                ("route", "/x"),
                ("also", "GET /x/{id}, POST /y"),
                ("status", status),
                ("part", "events"),
            ];
            let call = read(&lines).unwrap();
            assert_eq!(
                call.write(),
                lines.map(|(name, value)| (name, value.to_owned()))
            );
        }
        for (line, flaw) in [
            (("status", "5xx"), "`call.status`"),
            (("status", "500-400"), "`call.status`"),
            (("also", "/y"), "`call.also`"),
            (("part", "body"), "`call.part`"),
            (("path", "/x"), "`path`"),
        ] {
            assert!(read(&[line]).unwrap_err().contains(flaw));
        }
    }
}
