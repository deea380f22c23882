//! PDF: a file with every part that is read, made by hand; what printers of today write; damage, encryption, memory.

use super::*;

fn object(number: u32, value: &str) -> Vec<u8> {
    format!("{number} 0 obj\n{value}\nendobj\n").into_bytes()
}

fn stream(number: u32, dictionary: &str, octets: &[u8]) -> Vec<u8> {
    let head = format!("{number} 0 obj <<{dictionary}/Length {}>>stream\r\n", octets.len());
    [head.as_bytes(), octets, b"\nendstream\nendobj\n"].concat()
}

/// Text under a filter and without, with a font whose map comes later, in an object of a stream of objects.
pub(super) fn file() -> Vec<u8> {
    let content = b"q BT /F1 12 Tf 72 700 Td [(Jane)-250(D) 20 (oe)]TJ 0 -14 Td (899-45-6789)' ET\n\
        BI /W 2 ID \xff(\x00 EI Q BT /F2 9 Tf 1 0 0 1 72 600 Tm <002400250003> Tj 1 0 0 1 90 600 Tm <0026>Tj ET";
    let map = b"/CIDInit begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <0003> <0020> \
        endbfchar 1 beginbfrange <0024> <003d> <0041> endbfrange endcmap";
    let objects = b"6 0 9 38 <</Type/Font/ToUnicode 8 0 R/X(in)>>  <</T(ssn)/V(078-05-1120)/Kids[<</TU(hint)>>]>>";
    let ascii = b"6<#@EBkM+$GqEWBG%E+%C*5rE~>";
    [
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(),
        object(1, "<</Title(Letter \\(draft\\))/Author<FEFF00C4006E006E>/CreationDate(D:20260101)>>"),
        object(2, "<</Type/Page/Contents[4 0 R]/Resources<</Font 3 0 R>>>>"),
        object(3, "<</F1 5 0 R/F2 6 0 R>>"),
        stream(4, "/Filter/FlateDecode", &zlib(content)),
        stream(7, "/Type/ObjStm/N 2/First 9/Filter[/FlateDecode]", &zlib(objects)),
        stream(8, "", map),
        stream(10, "/Type/Metadata/Subtype/XML", b"<?xml version='1.0'?><a>meta</a>"),
        stream(11, "/Filter[/ASCII85Decode]", ascii),
        b"xref\n0 1\n0000000000 65535 f\ntrailer <</Size 9/ID[(abc)(abc)]>>\nstartxref\n9\n%%EOF\n".to_vec(),
    ]
    .concat()
}

pub(super) const READ: &str = "<pdf|«title=Letter (draft)»\n«author=Änn»\n«x=in»\n«t=ssn»\n«ssn=078-05-1120»\n«tu=hint»\
    <stream|<xml|<?xml version='1.0'?><a>«a=meta»</a>>><text|Jane Doe\n899-45-6789\nAB C\n><text|eighty-five\n>>";

/// Made by `chromium --headless --no-pdf-header-footer --print-to-pdf` (Skia) of a page with these texts: codes of two octets, whose
/// maps stand after the text.
#[test]
fn a_file_that_a_browser_printed() {
    let octets = include_bytes!("../../../tests/captures/pdf/chromium.pdf");
    let collected = read("", &[], octets);
    let rendered = collected.render();
    for part in [
        "«title=Record of Jane Doe»",
        "<text|Record\nName: Jane Doe, SSN 899-45-6789, mail jane.doe@example.com\nIBAN\nDE89370400440532013000\n",
        "Zażółć gęślą jaźń\n",
    ] {
        assert!(rendered.contains(part), "{rendered}");
    }
    assert_eq!((collected.undecodable, collected.decode_limit), (0, 0));
    let start = start(DocumentKind::HttpRequestBody, "application/pdf", &[]);
    for size in [1, 1000, 1460] {
        assert!(read_pieces(&start, &Limits::default(), octets.chunks(size)) == collected, "by {size}");
    }
}

#[test]
fn what_cannot_be_read_of_a_file_is_told() {
    let head = b"%PDF-1.7\n".to_vec();
    let content = zlib(b"BT (text) Tj ET");
    let lzw = [head.clone(), stream(1, "/Filter/LZWDecode", &[7; 400])].concat();
    assert!((380..=400).contains(&read("", &[], &lzw).undecodable));
    let trailer = b"trailer <</Encrypt 9 0 R>> startxref 0 %%EOF\n".to_vec();
    let encrypted = [head.clone(), trailer, object(5, "<<>>"), stream(1, "/Filter/FlateDecode", &content)].concat();
    let collected = read("", &[], &encrypted);
    assert_eq!((collected.undecodable, collected.render().as_str()), (content.len() as u64, "<pdf|>"));
    // Encrypted octets are not deflated ones, wherever the file says so.
    let late = [head.clone(), stream(1, "/Filter/FlateDecode", &[0xa5; 300]), object(2, "<<>>")].concat();
    assert_eq!(read("", &[], &late).undecodable, 300);
    // Codes whose meaning is nowhere.
    let codes = [head, stream(1, "", b"BT /F1 9 Tf <000100020003> Tj ET")].concat();
    assert_eq!(read("", &[], &codes).undecodable, 6);
}

#[test]
fn hostile_files_hold_little() {
    let pieces: [&[u8]; 6] = [
        b"1 0 obj <</A(",
        b"<</K<</K",
        b"1 0 obj <<>>stream\nBT (endless",
        b"1 0 obj<<>>stream\nendstream\n",
        b"1 0 obj <<>>stream\nBT /F Tf (text) Tj T* ",
        b"1 0 obj <</ToUnicode 2 0 R/Font<</F 1 0 R>>/Contents 3 0 R>>endobj ",
    ];
    let start = start(DocumentKind::HttpRequestBody, "", &[]);
    for piece in pieces {
        let mut sink = Collected::default();
        let mut unwrapper = Unwrapper::new(&start, &Limits::default());
        unwrapper.octets(b"%PDF-1.7\n", &mut sink);
        for round in 0..20_000 {
            unwrapper.octets(piece, &mut sink);
            if round % 1000 == 0 {
                assert!(
                    unwrapper.held_bytes() < 3 << 20,
                    "{}: {}",
                    String::from_utf8_lossy(piece),
                    unwrapper.held_bytes()
                );
            }
        }
        unwrapper.end(&mut sink);
        assert_eq!(sink.open, 0);
    }
}
