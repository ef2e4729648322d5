//! Numbers as Go reads them, and sizes as go-units does.

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
    let (negative, digits) = match value.as_bytes().first() {
        Some(b'-') => (true, &value[1..]),
        Some(b'+') => (false, &value[1..]),
        _ => (false, value),
    };
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

fn magnitude(digits: &str) -> Option<i128> {
    let lower = digits.to_ascii_lowercase();
    let (base, rest, prefixed) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..], true)
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

/// `strconv.ParseFloat`.
pub fn float(value: &str) -> Result<f64, String> {
    value.parse().map_err(|_| format!("strconv.ParseFloat: parsing {value:?}: invalid syntax"))
}

/// go-units `RAMInBytes`: bytes of `512m`, `1.5g`, `2GiB`, `100 kb`.
pub fn size(value: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{value}'");
    let last =
        value.rfind(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == ' ').ok_or_else(invalid)?;
    let (number, suffix) =
        (if value.as_bytes()[last] == b' ' { &value[..last] } else { &value[..=last] }, &value[last + 1..]);
    let number = float(number)?;
    if number < 0.0 {
        return Err(invalid());
    }
    let suffix = suffix.to_lowercase();
    let factor = match suffix.as_str() {
        "" | "b" => 1.0,
        _ => {
            let bad = || format!("invalid suffix: '{suffix}'");
            let power = match suffix.as_bytes()[0] {
                b'k' => 1,
                b'm' => 2,
                b'g' => 3,
                b't' => 4,
                b'p' => 5,
                _ => return Err(bad()),
            };
            if !matches!(&suffix[1..], "" | "b" | "ib") {
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

/// `--cpus`, in billionths: Go's `big.Rat`, which also reads fractions and exponents.
pub fn cpus(value: &str) -> Result<i64, String> {
    let failed = || format!("failed to parse {value} as a rational number");
    let (numerator, denominator) = match value.split_once('/') {
        Some((above, below)) => {
            let below: i128 = below.parse().map_err(|_| failed())?;
            let above: i128 = above.parse().map_err(|_| failed())?;
            if below <= 0 {
                return Err(failed());
            }
            (above, below)
        }
        None => decimal(value).ok_or_else(failed)?,
    };
    let nano = numerator.checked_mul(1_000_000_000).ok_or_else(failed)?;
    if nano % denominator != 0 {
        return Err("value is too precise".to_owned());
    }
    Ok((nano / denominator) as i64)
}

fn decimal(value: &str) -> Option<(i128, i128)> {
    let (mantissa, exponent) = match value.find(['e', 'E']) {
        Some(at) => (&value[..at], value[at + 1..].parse::<i32>().ok()?),
        None => (value, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut numerator: i128 = format!("{whole}{part}").parse().ok()?;
    let mut denominator: i128 = 1;
    let scale = exponent - i32::try_from(part.len()).ok()?;
    let power = 10i128.checked_pow(scale.unsigned_abs())?;
    if scale >= 0 {
        numerator = numerator.checked_mul(power)?;
    } else {
        denominator = power;
    }
    Some((if negative { -numerator } else { numerator }, denominator))
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub fn duration(value: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {value:?}");
    let (negative, mut rest) = match value.as_bytes().first() {
        Some(b'-') => (true, &value[1..]),
        Some(b'+') => (false, &value[1..]),
        _ => (false, value),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() || number == "." || number.matches('.').count() > 1 {
            return Err(invalid());
        }
        let unit_length = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_length);
        let nanoseconds = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            "" => return Err(format!("time: missing unit in duration {value:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {value:?}")),
        };
        let padded = if number.starts_with('.') { format!("0{number}") } else { number.to_owned() };
        total += padded.parse::<f64>().map_err(|_| invalid())? * nanoseconds;
        rest = next;
    }
    if total > 9_223_372_036_854_775_807.0 {
        return Err(invalid());
    }
    let total = total as i64;
    Ok(if negative { -total } else { total })
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
    fn processors_and_durations() {
        assert_eq!(cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(cpus("1/2"), Ok(500_000_000));
        assert_eq!(cpus("1e-1"), Ok(100_000_000));
        assert_eq!(cpus("0.0000000001"), Err("value is too precise".to_owned()));
        assert_eq!(duration("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(duration("1.5s"), Ok(1_500_000_000));
        assert!(duration("10").is_err());
    }
}
