//! What holds for every case: read as expected, whatever its pieces, its end or its damage.

use proptest::prelude::*;

use super::cases::cases;
use super::*;

#[test]
fn documents_are_read() {
    for (name, start, octets, expected) in cases() {
        let collected = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        if !matches!(name, "zip" | "tar") {
            assert_eq!(collected.render(), expected, "{name}");
        }
        assert_eq!((collected.undecodable, collected.decode_limit), (0, 0), "{name}");
    }
}

#[test]
fn archives_are_read() {
    for (name, start, octets, _) in cases() {
        let rendered = read_pieces(&start, &Limits::default(), [octets.as_slice()]).render();
        let parts: &[&str] = match name {
            "zip" => {
                &["<member:a.txt|stored>", &format!("<member:b.json|{SAMPLE_READ}>"), "<member:c|length unknown>PK"]
            }
            "tar" => &["<member:dir/a.txt|hello>", &format!("<member:b|{SAMPLE_READ}>")],
            _ => continue,
        };
        for part in parts {
            assert!(rendered.contains(part), "{name}: {rendered}");
        }
    }
}

#[test]
fn segmentation_does_not_matter() {
    for (name, start, octets, _) in cases() {
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(read_pieces(&start, &Limits::default(), octets.chunks(size)), whole, "{name} by {size}");
        }
        for cut in 0..=octets.len() {
            let (a, b) = octets.split_at(cut);
            assert_eq!(read_pieces(&start, &Limits::default(), [a, b]), whole, "{name} cut at {cut}");
        }
    }
}

#[test]
fn every_prefix_is_read_without_loss() {
    for (name, start, octets, _) in cases() {
        for len in 0..octets.len() {
            let collected = read_pieces(&start, &Limits::default(), [&octets[..len]]);
            assert_eq!(read_whole(&start, &octets[..len]), collected, "{name}, the first {len} at once");
            let by_octet = read_pieces(&start, &Limits::default(), octets[..len].chunks(1));
            assert_eq!(collected, by_octet, "{name} up to {len}");
            assert!(collected.undecodable <= len as u64, "{name} up to {len}");
        }
    }
}

#[test]
fn gaps_are_survived() {
    for (name, start, octets, _) in cases() {
        for at in 0..=octets.len() {
            let mut whole = Collected::default();
            let mut unwrapper = Unwrapper::new(&start, &Limits::default());
            unwrapper.octets(&octets[..at], &mut whole);
            unwrapper.gap(100, &mut whole);
            unwrapper.octets(&octets[at..], &mut whole);
            unwrapper.end(&mut whole);
            assert_eq!(whole.open, 0, "{name}");
        }
    }
    // A multipart document finds its next part again.
    let start = start(DocumentKind::HttpRequestBody, "multipart/form-data; boundary=b", &[]);
    let mut collected = Collected::default();
    let mut unwrapper = Unwrapper::new(&start, &Limits::default());
    unwrapper.octets(b"--b\r\nContent-Dispo", &mut collected);
    unwrapper.gap(50, &mut collected);
    unwrapper.octets(b"xx\r\n--b\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n--b--", &mut collected);
    unwrapper.end(&mut collected);
    assert!(collected.render().contains("<part:n|«n=v»>"), "{}", collected.render());
}

#[test]
fn offsets_are_those_before_escapes() {
    let collected = read("application/json", &[], br#"{"a":"x\u0041y"}"#);
    let texts: Vec<(u64, &[u8])> = collected
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Text { at, field: Some(_), octets } => Some((*at, octets.as_slice())),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(6, b"xA".as_slice()), (13, b"y")]);
}

/// In both orders, with and without mark, whatever is inside; announced, where nothing else tells.
#[test]
fn utf16_is_read_everywhere() {
    let texts = [
        ("", "plain words and the number 899-45-6789", "plain words and the number 899-45-6789"),
        ("", SAMPLE, SAMPLE_READ),
        ("application/json; charset=utf-16", SAMPLE, SAMPLE_READ),
        ("", "name,ssn,city\nJane,899-45-6789,Rome\nJoe,899-45-6780,Oslo\n", "«ssn=899-45-6789»"),
        ("text/html", "<html><body><p>Jane Doe, 899-45-6789</p></body></html>", "Jane Doe, 899-45-6789"),
        ("", "first=Jane+Doe&ssn=899-45-6789&city=Oslo", "«ssn=899-45-6789»"),
    ];
    for (media_type, text, expected) in texts {
        for (big, mark) in [(false, false), (false, true), (true, false), (true, true)] {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            let octets: Vec<u8> = units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            let read = read(media_type, &[], &octets);
            assert!(read.render().contains(expected), "{media_type} {big} {mark}: {}", read.render());
            assert!(read.render().starts_with("<charset|"), "{}", read.render());
        }
    }
    let russian: Vec<u8> = "Паспорт: 4509 123456".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("text/plain; charset=utf-16le", &[], &russian).render(), "<charset|Паспорт: 4509 123456>");
    assert_eq!(read("text/plain; charset=utf-16le", &[], b"no such thing").render(), "no such thing");
}

/// A small document with structure, from which random edits depart.
fn edited() -> impl Strategy<Value = (DocumentStart, Vec<u8>)> {
    let count = cases().len();
    (0..count, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)).prop_map(|(index, edits)| {
        let (_, start, mut octets, _) = cases().swap_remove(index);
        for (at, octet) in edits {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        (start, octets)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn edited_documents_do_not_depend_on_segmentation((start, octets) in edited(), size in 1usize..40) {
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        prop_assert_eq!(&read_pieces(&start, &Limits::default(), octets.chunks(size)), &whole);
        let by_octet = read_pieces(&start, &Limits::default(), octets.chunks(1));
        prop_assert!(by_octet == whole, "{} / {} ({} {})", by_octet.render(), whole.render(), by_octet.undecodable, whole.undecodable);
    }

    #[test]
    fn random_octets_never_panic(
        index in 0..cases().len(),
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        size in 1usize..600,
    ) {
        let (_, start, _, _) = cases().swap_remove(index);
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        prop_assert_eq!(read_pieces(&start, &Limits::default(), octets.chunks(size)), whole);
    }

    #[test]
    fn random_structure_never_panics(text in "[\\[\\]{}\",:\\\\u0-9a-f<>/&;=%+\r\n'!? -]{0,300}", size in 1usize..20, index in 0..cases().len()) {
        let (_, start, _, _) = cases().swap_remove(index);
        let whole = read_pieces(&start, &Limits::default(), [text.as_bytes()]);
        prop_assert_eq!(read_pieces(&start, &Limits::default(), text.as_bytes().chunks(size)), whole);
    }
}
