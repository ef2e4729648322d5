//! Numbers as Go reads them, and sizes as go-units does.

use crate::text::part;

/// `strconv.ParseBool`.
pub fn bool(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {value:?}: invalid syntax")),
    }
}

/// `strconv.ParseInt` with base 0 and 64 bits: `0x`, `0o`, `0b`, a leading `0` for octal, and underscores.
pub fn int(value: &str) -> Result<i64, String> {
    let (negative, digits) = signed(value);
    let magnitude = magnitude(digits).ok_or_else(|| format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))?;
    let signed = if negative { -magnitude } else { magnitude };
    i64::try_from(signed).map_err(|_| format!("strconv.ParseInt: parsing {value:?}: value out of range"))
}

/// `strconv.ParseUint` with base 0.
pub fn uint(value: &str, bits: u32) -> Result<u64, String> {
    let magnitude = magnitude(value).ok_or_else(|| format!("strconv.ParseUint: parsing {value:?}: invalid syntax"))?;
    if magnitude >= 1 << bits {
        return Err(format!("strconv.ParseUint: parsing {value:?}: value out of range"));
    }
    u64::try_from(magnitude).map_err(|_| format!("strconv.ParseUint: parsing {value:?}: value out of range"))
}

/// Whether a minus stands in front, and what follows the sign.
fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn magnitude(digits: &str) -> Option<i128> {
    let lower = digits.to_ascii_lowercase();
    let (base, rest, prefixed) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest, true)
    } else if let Some(rest) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, rest, true)
    } else {
        (10, lower.as_str(), false)
    };
    // An underscore stands between digits, or between the base's prefix and a digit.
    let mut previous_is_digit = prefixed;
    let mut total: i128 = 0;
    let mut any = false;
    for letter in rest.chars() {
        if letter == '_' {
            if !previous_is_digit {
                return None;
            }
            previous_is_digit = false;
            continue;
        }
        let digit = letter.to_digit(base)?;
        total = total.saturating_mul(i128::from(base)).saturating_add(i128::from(digit)).min(1 << 100);
        previous_is_digit = true;
        any = true;
    }
    (any && previous_is_digit).then_some(total)
}

/// `strconv.Atoi` and `ParseInt` with base 10: one sign, then digits.
pub fn decimal(value: &str) -> Result<i64, String> {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let invalid = || format!("strconv.ParseInt: parsing {value:?}: invalid syntax");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    value.parse().map_err(|_| format!("strconv.ParseInt: parsing {value:?}: value out of range"))
}

/// `strconv.ParseFloat` with 64 bits, hexadecimal numbers and underscores between their digits included.
pub fn float(value: &str) -> Result<f64, String> {
    let invalid = || format!("strconv.ParseFloat: parsing {value:?}: invalid syntax");
    let (sign, bare) = match value.strip_prefix(['+', '-']) {
        Some(bare) => (if value.starts_with('-') { -1.0 } else { 1.0 }, bare),
        None => (1.0, value),
    };
    let lower = without_underscores(&bare.to_ascii_lowercase()).ok_or_else(invalid)?;
    let number = match lower.strip_prefix("0x") {
        Some(digits) => sign * hexadecimal(digits).ok_or_else(invalid)?,
        // A second sign is none.
        None if lower.starts_with(['+', '-']) => return Err(invalid()),
        None => sign * lower.parse::<f64>().map_err(|_| invalid())?,
    };
    // Rust gives infinity for what is too large, Go an error; both read the word itself.
    if number.is_infinite() && !lower.starts_with("inf") {
        return Err(format!("strconv.ParseFloat: parsing {value:?}: value out of range"));
    }
    Ok(number)
}

/// A number in lower case without the underscores between its digits; the base's prefix counts as a digit. None where one
/// stands elsewhere.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let hexadecimal = text.starts_with("0x");
    let is_digit =
        |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_digit() || hexadecimal && b.is_ascii_hexdigit());
    let legal = |at: usize| {
        let after_prefix = hexadecimal && at == 2;
        at > 0 && (after_prefix || is_digit(at - 1)) && is_digit(at + 1)
    };
    let all_legal = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || legal(at));
    all_legal.then(|| text.replace('_', ""))
}

/// `1.8p3` behind `0x`, in lower case; the exponent has to be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent = i32::try_from(decimal(exponent).ok()?.clamp(-1_000_000, 1_000_000)).ok()?;
    let (mut number, mut scale, mut digits, mut in_fraction) = (0.0f64, 0i32, 0, false);
    for letter in mantissa.chars() {
        match letter {
            '.' if !in_fraction => in_fraction = true,
            letter => {
                // Digits beyond what a float holds only move the point.
                number = number.mul_add(16.0, f64::from(letter.to_digit(16)?));
                if number > 1e300 {
                    number /= 16.0;
                    scale = scale.saturating_add(4);
                }
                if in_fraction {
                    scale = scale.saturating_sub(4);
                }
                digits += 1;
            }
        }
    }
    // In steps, so that neither a small nor a large power is lost on the way.
    let mut power = exponent.saturating_add(scale);
    while power != 0 && number != 0.0 && number.is_finite() {
        let step = power.clamp(-1000, 1000);
        number *= 2f64.powi(step);
        power -= step;
    }
    (digits > 0).then_some(number)
}

/// go-units `RAMInBytes`: bytes of `512m`, `1.5g`, `2GiB`, `100 kb`.
pub fn size(value: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{value}'");
    let last =
        value.rfind(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == ' ').ok_or_else(invalid)?;
    let (number, suffix) = (part(value, ..=last), part(value, last + 1..));
    let number = number.strip_suffix(' ').unwrap_or(number);
    let number = float(number)?;
    if number < 0.0 {
        return Err(invalid());
    }
    let suffix = suffix.to_lowercase();
    let factor = match suffix.as_str() {
        "" | "b" => 1.0,
        _ => {
            let bad = || format!("invalid suffix: '{suffix}'");
            let (power, rest) = suffix.split_at_checked(1).ok_or_else(bad)?;
            let power = match power {
                "k" => 1,
                "m" => 2,
                "g" => 3,
                "t" => 4,
                "p" => 5,
                _ => return Err(bad()),
            };
            if !matches!(rest, "" | "b" | "ib") {
                return Err(bad());
            }
            1024f64.powi(power)
        }
    };
    let bytes = number * factor;
    // Go's conversion of a float that does not fit gives the smallest integer.
    Ok(if bytes.is_nan() || bytes >= 9_223_372_036_854_775_808.0 { i64::MIN } else { bytes as i64 })
}

/// `--memory-swap`: a size, or -1 for no limit.
pub fn swap(value: &str) -> Result<i64, String> {
    if value == "-1" { Ok(-1) } else { size(value) }
}

/// `--cpus`, in billionths: Go's `big.Rat`, which also reads fractions and exponents, times 1e9. What does not fit 64 bits
/// keeps its lowest ones, as Go's does.
pub fn cpus(value: &str) -> Result<i64, String> {
    let failed = || format!("failed to parse {value} as a rational number");
    let (negative, bare) = match value.strip_prefix(['+', '-']) {
        Some(bare) => (value.starts_with('-'), bare),
        None => (false, value),
    };
    let magnitude = match bare.split_once('/') {
        Some((above, below)) => fraction(above, below),
        None => scaled(bare),
    };
    let nano = magnitude.ok_or_else(failed)?.ok_or("value is too precise")? as i64;
    Ok(if negative { nano.wrapping_neg() } else { nano })
}

/// The base that a prefix names, and the digits behind it. With `octal` a leading zero names one, too.
fn base_of(text: &str, octal: bool) -> (u32, &str) {
    let Some(rest) = text.strip_prefix('0').filter(|rest| !rest.is_empty()) else { return (10, text) };
    let named = [(16, ['x', 'X']), (2, ['b', 'B']), (8, ['o', 'O'])];
    match named.iter().find_map(|(base, letters)| Some((*base, rest.strip_prefix(letters)?))) {
        Some(found) => found,
        None if octal => (8, rest),
        None => (10, text),
    }
}

/// The digits of an integer, without the underscores that may stand between them.
fn digits(base: u32, text: &str) -> Option<Vec<u32>> {
    let bare = if base == 10 { text } else { text.strip_prefix('_').unwrap_or(text) };
    let parts = bare.split('_');
    let mut digits = Vec::with_capacity(bare.len());
    for part in parts {
        if part.is_empty() {
            return None;
        }
        for letter in part.chars() {
            digits.push(letter.to_digit(base)?);
        }
    }
    Some(digits)
}

/// `a/b` in billionths, the lowest 64 bits: None where docker does not read it, and inside where it is no whole number of
/// billionths. Long division, so that a numerator of any length takes linear time.
fn fraction(above: &str, below: &str) -> Option<Option<u64>> {
    let (base, rest) = base_of(below, true);
    let mut divisor: u128 = 0;
    for digit in digits(base, rest)? {
        divisor = divisor.saturating_mul(base.into()).saturating_add(digit.into()).min(1 << 100);
    }
    if divisor == 0 {
        return None;
    }
    let (base, rest) = base_of(above, true);
    let (mut quotient, mut remainder) = (0u64, 0u128);
    // The numerator's own digits, then times 1e9, nine digits of ten.
    let numerator = digits(base, rest)?.into_iter().map(|digit| (base, digit)).chain((0..9).map(|_| (10, 0)));
    for (base, digit) in numerator {
        remainder = remainder * u128::from(base) + u128::from(digit);
        quotient = quotient.wrapping_mul(base.into()).wrapping_add((remainder / divisor) as u64);
        remainder %= divisor;
    }
    Some((remainder == 0).then_some(quotient))
}

/// `1.5e-3`, `0x1.8p4` in billionths, the lowest 64 bits; as [`fraction`].
fn scaled(text: &str) -> Option<Option<u64>> {
    // Go takes no larger exponent, so that a few letters do not become a million digits.
    const LARGEST: u64 = 1_000_000;
    let (base, rest) = base_of(text, false);
    let marks: &[char] = if base == 16 { &['p', 'P'] } else { &['e', 'E', 'p', 'P'] };
    let (mantissa, exponent, two) = match rest.split_once(marks) {
        Some((mantissa, exponent)) => {
            let two = rest.trim_start_matches(|letter| !marks.contains(&letter)).starts_with(['p', 'P']);
            (mantissa, decimal(exponent).ok()?, two)
        }
        None => (rest, 0, false),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let read = |text: &str| if text.is_empty() { Some(Vec::new()) } else { digits(base, text) };
    let (mut number, part) = (read(whole)?, read(part)?);
    let places = i64::try_from(part.len()).ok()?;
    number.extend(part);
    if number.is_empty() || exponent.unsigned_abs() > LARGEST {
        return None;
    }
    if number.iter().all(|digit| *digit == 0) {
        return Some(Some(0));
    }
    // The number is an integer times a power of ten and one of two.
    let (tens, twos) = match (base, two) {
        (10, false) => (exponent - places + 9, 0),
        (10, true) => (9 - places, exponent),
        (base, two) => {
            let bits = places * i64::from(base.trailing_zeros().max(1));
            if two { (9, exponent - bits) } else { (9 + exponent, -bits) }
        }
    };
    let mut tens = tens;
    if base == 10 && twos == 0 {
        while tens < 0 && number.last() == Some(&0) {
            number.pop();
            tens += 1;
        }
        if tens < 0 {
            return Some(None);
        }
        let low = number.iter().fold(0u64, |low, digit| low.wrapping_mul(10).wrapping_add((*digit).into()));
        return Some(Some(low.wrapping_mul(10u64.wrapping_pow(u32::try_from(tens).ok()?))));
    }
    // Bases of two and exponents of two are rare, and short where they are meant.
    let mut integer: u128 = 0;
    for digit in number {
        integer = integer.checked_mul(base.into())?.checked_add(digit.into())?;
    }
    Some(times(integer, tens + twos, tens))
}

/// An integer times powers of two and five, the lowest 64 bits; None where that is no integer.
fn times(mut integer: u128, mut twos: i64, mut fives: i64) -> Option<u64> {
    for (power, prime) in [(&mut twos, 2), (&mut fives, 5)] {
        while *power < 0 && integer.is_multiple_of(prime) {
            integer /= prime;
            *power += 1;
        }
    }
    let power = |base: u64, exponent: i64| u32::try_from(exponent).ok().map(|exponent| base.wrapping_pow(exponent));
    Some((integer as u64).wrapping_mul(power(2, twos)?).wrapping_mul(power(5, fives)?))
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub fn duration(value: &str) -> Result<i64, String> {
    const MOST: u64 = 1 << 63;
    let invalid = || format!("time: invalid duration {value:?}");
    let (negative, mut rest) = signed(value);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let whole_end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (whole, after) = rest.split_at(whole_end);
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len())),
            None => ("", after),
        };
        if whole.is_empty() && part.is_empty() {
            return Err(invalid());
        }
        let (unit, next) = after.split_at(after.find(is_number).unwrap_or(after.len()));
        let nanoseconds: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(format!("time: missing unit in duration {value:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {value:?}")),
        };
        let mut amount: u64 = 0;
        for digit in whole.bytes() {
            amount = amount.checked_mul(10).and_then(|it| it.checked_add((digit - b'0').into())).ok_or_else(invalid)?;
        }
        amount = amount.checked_mul(nanoseconds).filter(|amount| *amount <= MOST).ok_or_else(invalid)?;
        amount = amount.saturating_add(fraction_of(part, nanoseconds));
        total = total.checked_add(amount).filter(|total| *total <= MOST).ok_or_else(invalid)?;
        rest = next;
    }
    match (negative, i64::try_from(total)) {
        (false, Ok(total)) => Ok(total),
        (false, Err(_)) => Err(invalid()),
        (true, Ok(total)) => Ok(-total),
        (true, Err(_)) => Ok(i64::MIN),
    }
}

/// A fraction's digits of a unit, as Go counts them: digits that do not fit any more are left out.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut number, mut scale) = (0u64, 1.0f64);
    for digit in digits.bytes() {
        match number.checked_mul(10).and_then(|it| it.checked_add((digit - b'0').into())).filter(|it| *it <= 1 << 63) {
            Some(next) => number = next,
            None => break,
        }
        scale *= 10.0;
    }
    (number as f64 * (unit as f64 / scale)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (typed, bytes) in [
            ("512m", 512 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("1 kb", 1024),
            ("0", 0),
            ("0.0", 0),
            ("1e3", 1000),
            ("10", 10),
            ("7B", 7),
        ] {
            assert_eq!(size(typed), Ok(bytes), "{typed}");
        }
        for typed in ["", "g", "-1", "1gg", "1x", "1kbs", "1 2 g"] {
            assert!(size(typed).is_err(), "{typed}");
        }
        assert_eq!(swap("-1"), Ok(-1));
    }

    #[test]
    fn integers() {
        for (typed, number) in
            [("0x10", 16), ("010", 8), ("0b11", 3), ("1_000", 1000), ("-5", -5), ("+5", 5), ("0_7", 7)]
        {
            assert_eq!(int(typed), Ok(number), "{typed}");
        }
        for typed in ["", "_1", "1_", "1__0", "09", "x", "9223372036854775808"] {
            assert!(int(typed).is_err(), "{typed}");
        }
        assert!(uint("65536", 16).is_err());
    }

    #[test]
    fn floats() {
        for (typed, number) in [
            ("1.5", 1.5),
            ("0x1p-2", 0.25),
            ("-0x1.8P1", -3.0),
            ("0x_1_0p0", 16.0),
            ("1e3", 1000.0),
            ("0x0p999999999", 0.0),
        ] {
            assert_eq!(float(typed), Ok(number), "{typed}");
        }
        for typed in [
            "1e400",
            "0x1",
            "0xp1",
            "0x1_p1",
            "0x1p9999",
            "1_",
            "_1",
            "1_.5",
            "1._5",
            "",
            "--1",
            "0x1p99999999999999999999",
        ] {
            assert!(float(typed).is_err(), "{typed}");
        }
        assert!(float("inf").is_ok_and(f64::is_infinite));
        assert!((0..200).all(|digits| float(&format!("0x{}p-{}", "f".repeat(digits + 1), digits * 4)).is_ok()));
        assert_eq!((decimal("+5"), decimal("-5"), decimal("++5").is_err()), (Ok(5), Ok(-5), true));
    }

    #[test]
    fn processors_and_durations() {
        assert_eq!(cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(cpus("1/2"), Ok(500_000_000));
        assert_eq!(cpus("1e-1"), Ok(100_000_000));
        assert_eq!(cpus("0.0000000001"), Err("value is too precise".to_owned()));
        // Go's own limits: exponents up to a million, the lowest 64 bits of what is larger.
        for (typed, nano) in [
            ("1p3", 8_000_000_000),
            ("0x1.8", 1_500_000_000),
            ("0x1p-1", 500_000_000),
            ("0b11", 3_000_000_000),
            ("1_000", 1_000_000_000_000),
            ("010/010", 1_000_000_000),
            ("1e1000000", 0),
            ("0e-5000", 0),
            ("18446744073709551617", 1_000_000_000),
            ("-1.5", -1_500_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
        ] {
            assert_eq!(cpus(typed), Ok(nano), "{typed}");
        }
        for typed in [
            "",
            "-",
            ".",
            "1e2/1",
            "1/-2",
            "1_",
            "inf",
            "e1",
            "1e",
            "1.5e-2147483648",
            "1e1000001",
            "1e99999999999999999999",
            "1/0",
            "--1",
            "1__0",
        ] {
            assert!(cpus(typed).is_err(), "{typed}");
        }
        // A hundred thousand digits take no time.
        assert!(cpus(&"9".repeat(100_000)).is_ok());
        assert!(cpus(&format!("0.{}", "9".repeat(100_000))).is_err());
        assert_eq!(duration("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(duration("1.5s"), Ok(1_500_000_000));
        for (typed, nanoseconds) in [
            ("-9223372036854775808ns", i64::MIN),
            ("9223372036854775807ns", i64::MAX),
            ("0.5us", 500),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
        ] {
            assert_eq!(duration(typed), Ok(nanoseconds), "{typed}");
        }
        for typed in ["10", "9223372036854775808ns", "2562048h", "1..5s", ".s", "1e3s", "99999999999999999999ns"] {
            assert!(duration(typed).is_err(), "{typed}");
        }
    }
}
