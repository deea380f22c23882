//! National numbers of the Americas outside the United States. Source: reference section 3.3 (algorithms after
//! python-stdnum; alphanumeric CNPJ after Receita Federal's rule).

use super::checksum::luhn;
use super::dates::is_short_date;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("ca-sin", |v| Check::when(luhn(v.digits().as_slice()) && !v.digits().all_equal())),
    ("br-cpf", |v| {
        let d = v.digits();
        Check::when(d.len() == 11 && brazilian(&d.values, 9, 12) && !d.all_equal())
    }),
    ("br-cnpj", |v| {
        let cells: Vec<u8> = v.alphanumeric().iter().map(|b| b - b'0').collect();
        Check::when(cells.len() == 14 && brazilian(&cells, 12, 9) && cells.iter().any(|&c| c > 0))
    }),
    ("mx-curp", curp),
    ("ar-cuit", |v| {
        let d = v.digits();
        let sum = d.weighted(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) as usize;
        Check::when([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0].get(11 - sum % 11) == Some(&d.at(10)))
    }),
    ("cl-rut", rut),
];

/// Two digits modulo 11 after `length` cells, weights from 2 upward from the right, starting again after `weight_max`.
fn brazilian(cells: &[u8], length: usize, weight_max: u32) -> bool {
    let digit = |count: usize| {
        let mut weight = 1;
        let sum: u32 = cells
            .iter()
            .take(count)
            .rev()
            .map(|&c| {
                weight = if weight == weight_max { 2 } else { weight + 1 };
                u32::from(c) * weight
            })
            .sum();
        let rest = sum % 11;
        if rest < 2 { 0 } else { 11 - rest }
    };
    let at = |i: usize| cells.get(i).copied().map(u32::from);
    at(length) == Some(digit(length)) && at(length + 1) == Some(digit(length + 1))
}

/// Positions in the alphabet with Ñ between N and O, weights 18 to 2, modulo 10.
fn curp(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let sum: u32 = text
        .iter()
        .take(17)
        .enumerate()
        .map(|(i, &b)| {
            let index = match b {
                b'0'..=b'9' => u32::from(b - b'0'),
                b'A'..=b'N' => u32::from(b - b'A') + 10,
                b => u32::from(b - b'A') + 11,
            };
            index * (18 - i as u32)
        })
        .sum();
    let d = value.digits();
    let date = is_short_date(d.small(0, 2), d.small(2, 4), d.small(4, 6));
    Check::when(text.get(17).is_some_and(|&b| u32::from(b.wrapping_sub(b'0')) == (10 - sum % 10) % 10) && date)
}

fn rut(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let Some((&check, digits)) = text.split_last() else {
        return Check::Refuse;
    };
    let sum: u32 =
        digits.iter().rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(&b, w)| u32::from(b - b'0') * w).sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        n => b'0' + n as u8,
    };
    Check::when(check == expected && digits.iter().any(|&b| b != b'0'))
}
