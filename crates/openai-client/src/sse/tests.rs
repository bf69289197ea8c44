//! Laws of the framer: exact bytes, frames independent of cuts, bounded frames.
//!
//! Invariants: the expected frames are written by hand, never computed by the framer under test.
//! Does not know: the framer's insides.

use proptest::prelude::*;

use super::*;

/// Streams and the frames they must give: exact bytes, data, event.
type Case = (
    &'static [u8],
    &'static [(&'static str, &'static str, Option<&'static str>)],
    &'static [u8],
);

const CORPUS: &[Case] = &[
    (b"", &[], b""),
    (
        b"data: 1\n\ndata: 2\n\n",
        &[("data: 1\n\n", "1", None), ("data: 2\n\n", "2", None)],
        b"",
    ),
    (
        b"data: 1\r\n\r\ndata: 2\r\n\r\n",
        &[
            ("data: 1\r\n\r\n", "1", None),
            ("data: 2\r\n\r\n", "2", None),
        ],
        b"",
    ),
    (
        b"data: 1\r\rdata: 2\r\r",
        &[("data: 1\r\r", "1", None), ("data: 2\r\r", "2", None)],
        b"",
    ),
    (
        b"data: 1\r\r\ndata: 2\n\n",
        &[
            ("data: 1\r\r", "1", None),
            ("\n", "", None),
            ("data: 2\n\n", "2", None),
        ],
        b"",
    ),
    (
        b"data: 1\n\r\ndata: 2\r\n\n",
        &[("data: 1\n\r\n", "1", None), ("data: 2\r\n\n", "2", None)],
        b"",
    ),
    (
        b"data: 1\n\rdata: 2\n\n",
        &[("data: 1\n\r", "1", None), ("data: 2\n\n", "2", None)],
        b"",
    ),
    (b"data: 1\r\n\r", &[], b"data: 1\r\n\r"),
    (
        b"\xef\xbb\xbfdata: x\n\n",
        &[("\u{feff}data: x\n\n", "x", None)],
        b"",
    ),
    (
        b"data: x\n\n\xef\xbb\xbfdata: y\n\n",
        &[
            ("data: x\n\n", "x", None),
            ("\u{feff}data: y\n\n", "", None),
        ],
        b"",
    ),
    (
        b": hello\n\n:\r\n\r\ndata: 1\n\n",
        &[
            (": hello\n\n", "", None),
            (":\r\n\r\n", "", None),
            ("data: 1\n\n", "1", None),
        ],
        b"",
    ),
    (
        b"event: a\nid: 7\nretry: 5\ndata: 1\ndata: 2\nevent: b\n\n",
        &[(
            "event: a\nid: 7\nretry: 5\ndata: 1\ndata: 2\nevent: b\n\n",
            "1\n2",
            Some("b"),
        )],
        b"",
    ),
    (
        b"data:x\ndata:  y\ndata\ndatax: no\n\n",
        &[("data:x\ndata:  y\ndata\ndatax: no\n\n", "x\n y\n", None)],
        b"",
    ),
    (
        b"data: h\xc3\xa9\xf0\x9f\x98\x80\n\ntail",
        &[("data: h\u{e9}\u{1f600}\n\n", "h\u{e9}\u{1f600}", None)],
        b"tail",
    ),
    (
        b"\n\n\r\n",
        &[("\n", "", None), ("\n", "", None), ("\r\n", "", None)],
        b"",
    ),
    (
        b"data: {}\n\ndata: [DONE]\n\n",
        &[
            ("data: {}\n\n", "{}", None),
            ("data: [DONE]\n\n", "[DONE]", None),
        ],
        b"",
    ),
    (b"data: cut in mid wor", &[], b"data: cut in mid wor"),
];

/// Pushes `chunks`, takes frames after each (or only at the end), and gives frames and leftover.
fn frame_all(chunks: &[&[u8]], late: bool) -> (Vec<Frame>, Bytes) {
    let mut framer = SseFramer::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(Bytes::copy_from_slice(chunk)).unwrap();
        if !late {
            frames.extend(std::iter::from_fn(|| framer.next_frame()));
        }
    }
    frames.extend(std::iter::from_fn(|| framer.next_frame()));
    (frames, framer.finish())
}

fn check(chunks: &[&[u8]], late: bool, (input, expected, leftover): &Case) {
    let (frames, left) = frame_all(chunks, late);
    let seen: Vec<_> = frames
        .iter()
        .map(|frame| (&frame.bytes[..], frame.data(), frame.event()))
        .collect();
    let wanted: Vec<_> = expected
        .iter()
        .map(|(bytes, data, event)| {
            (
                bytes.as_bytes(),
                Cow::Borrowed(data.as_bytes()),
                event.map(str::as_bytes),
            )
        })
        .collect();
    assert_eq!(
        seen,
        wanted,
        "{:?} cut as {chunks:?}",
        String::from_utf8_lossy(input)
    );
    assert_eq!(&left[..], *leftover);
}

#[test]
fn every_cut_in_three_of_every_fixture_gives_the_same_frames() {
    for case in CORPUS {
        let input = case.0;
        for first in 0..=input.len() {
            for second in first..=input.len() {
                for late in [false, true] {
                    check(
                        &[&input[..first], &input[first..second], &input[second..]],
                        late,
                        case,
                    );
                }
            }
        }
        check(&input.chunks(1).collect::<Vec<_>>(), false, case);
        check(&input.chunks(1).collect::<Vec<_>>(), true, case);
    }
}

#[test]
fn a_frame_inside_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
    let mut framer = SseFramer::new();
    framer.push(chunk.clone()).unwrap();
    for offset in [0, 9] {
        assert_eq!(
            framer.next_frame().unwrap().bytes.as_ptr(),
            chunk[offset..].as_ptr()
        );
    }
}

#[test]
fn streams_of_lone_returns_are_not_delayed() {
    let mut framer = SseFramer::new();
    framer.push(Bytes::from_static(b"data: 1\r\r")).unwrap();
    assert_eq!(&framer.next_frame().unwrap().data()[..], b"1");
}

#[test]
fn done_is_told_from_data_that_speaks_of_it() {
    for (text, done) in [
        ("data: [DONE]\n\n", true),
        ("data:[DONE] \n\n", true),
        ("data: \"[DONE]\"\n\n", false),
    ] {
        let (frames, _) = frame_all(&[text.as_bytes()], false);
        assert_eq!(frames[0].is_done(), done, "{text}");
    }
}

/// A frame of exactly `bytes` bytes.
fn frame_of(bytes: usize) -> Vec<u8> {
    let mut frame = b"data: ".to_vec();
    frame.resize(bytes - 2, b'x');
    frame.extend_from_slice(b"\n\n");
    frame
}

#[test]
fn a_frame_at_the_limit_passes_and_one_byte_more_fails_however_it_is_cut() {
    for cut in [4096, FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX + 64] {
        let mut input = b": before\n\n".to_vec();
        input.extend(frame_of(FRAME_BYTES_MAX));
        let (frames, left) = frame_all(&input.chunks(cut).collect::<Vec<_>>(), false);
        assert_eq!(
            (frames.len(), frames[1].bytes.len(), left.len()),
            (2, FRAME_BYTES_MAX, 0)
        );

        let mut input = b": before\n\n".to_vec();
        input.extend(frame_of(FRAME_BYTES_MAX + 1));
        let mut framer = SseFramer::new();
        let results: Vec<_> = input
            .chunks(cut)
            .map(|chunk| framer.push(Bytes::copy_from_slice(chunk)))
            .collect();
        assert_eq!(results.last(), Some(&Err(SseError::FrameTooLarge)));
        assert_eq!(
            framer.push(Bytes::from_static(b"\n\n")),
            Err(SseError::FrameTooLarge)
        );
        assert_eq!(&framer.next_frame().unwrap().bytes[..], b": before\n\n");
        assert!(framer.next_frame().is_none());
    }
}

#[test]
fn memory_stays_bounded_when_no_end_ever_comes() {
    let mut framer = SseFramer::new();
    let chunk = Bytes::from(vec![b'x'; 1 << 20]);
    let refused = (0..64)
        .filter(|_| framer.push(chunk.clone()).is_err())
        .count();
    assert_eq!(refused, 60);
    assert!(framer.finish().len() <= FRAME_BYTES_MAX + chunk.len());
}

fn stream_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"data: ".to_vec()),
        Just(b"event:".to_vec()),
        Just(BYTE_ORDER_MARK.to_vec()),
        Just("\u{1f600}".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn joined_frames_and_leftover_are_the_input_and_cuts_do_not_matter(
        input in stream_text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        late in any::<bool>(),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        places.extend([0, input.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let (frames, left) = frame_all(&chunks, late);
        let joined = [frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect::<Vec<u8>>(), left.to_vec()].concat();
        prop_assert_eq!(&joined, &input);
        prop_assert_eq!((frames, left), frame_all(&[&input], false));
    }
}
