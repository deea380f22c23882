//! Statements, and the fields of their literals and parameters.

use crate::model::{Direction, DocumentKind};

use super::super::decoder::Out;
use super::super::tests::Seen;
use super::super::unknown::plain;
use super::{Dialect, Sql};

/// The statement with its fields, fed in pieces of `len` octets, and the names of its parameters.
fn read(dialect: Dialect, statement: &str, len: usize) -> (String, Vec<String>) {
    let mut seen = Seen::default();
    let mut id = 0;
    let mut out = Out::new(&mut seen, [true; 2], &mut id);
    let doc = out.start(Direction::Forward, plain(DocumentKind::SqlQuery, 0));
    let mut sql = Sql::new(dialect);
    for piece in statement.as_bytes().chunks(len) {
        sql.octets(piece, &doc, &mut out);
    }
    sql.end(&doc, &mut out);
    let names = sql.parameters().iter().map(|name| name.as_deref().unwrap_or("-").to_owned()).collect();
    (seen.values(DocumentKind::SqlQuery).remove(0), names)
}

#[test]
fn literals_and_parameters_have_the_names_of_their_columns() {
    use Dialect::{MySql, Postgres};
    let cases: &[(Dialect, &str, &str, &[&str])] = &[
        (Postgres, "SELECT 'x'", "SELECT 'x'", &[]),
        (
            Postgres,
            "insert into a.b (\"id\", ssn) values ($2, $1) on conflict (id) do update set ssn = 'c'",
            "insert into a.b (\"id\", ssn) values ($2, $1) on conflict (id) do update set ssn = '«ssn=c»'",
            &["ssn", "id"],
        ),
        (
            MySql,
            "UPDATE t SET `name`=\"O\\\"B\", t.email = ? WHERE phone IN ('1', '2') AND f(id) > ? -- it's",
            "UPDATE t SET `name`=\"«name=O\\\"B»\", t.email = ? WHERE phone IN ('«phone=1»', '«phone=2»') AND f(id) > ? -- it's",
            &["email", "id"],
        ),
        (
            Postgres,
            "select * from t where mail = lower('A@B') or note ilike E'it\\'s' /* ' */ and x='y'",
            "select * from t where mail = lower('«mail=A@B»') or note ilike E'«note=it\\'s»' /* ' */ and x='«x=y»'",
            &[],
        ),
        (
            MySql,
            "REPLACE INTO t (a, b) VALUES (f('1', 2), 'z'), (3, '4'); insert into u values (1, 'w')",
            "REPLACE INTO t (a, b) VALUES (f('«a=1»', «a=2»), '«b=z»'), («a=3», '«b=4»'); insert into u values (1, 'w')",
            &[],
        ),
    ];
    for (dialect, statement, expected, parameters) in cases {
        for len in 1..=statement.len() {
            let (text, names) = read(*dialect, statement, len);
            assert_eq!(text, *expected, "by {len}");
            assert_eq!(names, *parameters, "by {len}");
        }
    }
}
