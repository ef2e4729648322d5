//! The type of a file by its first bytes.

/// So many bytes are enough for [`is_archive`].
pub const ENOUGH: usize = 512;

/// Whether docker would unpack it: a tar, plain or compressed. moby `pkg/archive` `DetectCompression` and Go's `archive/tar`;
/// what is compressed is taken for a tar, for nothing less than unpacking it would tell.
pub fn is_archive(start: &[u8]) -> bool {
    const COMPRESSED: &[&[u8]] =
        &[&[0x42, 0x5a, 0x68], &[0x1f, 0x8b, 0x08], &[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], &[0x28, 0xb5, 0x2f, 0xfd]];
    let skippable = matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    COMPRESSED.iter().any(|magic| start.starts_with(magic)) || skippable || is_tar(start)
}

/// The first header of a tar, by its checksum: the oldest ones have no other mark.
fn is_tar(start: &[u8]) -> bool {
    let Some(header) = start.first_chunk::<512>() else { return false };
    if &header[257..262] == b"ustar" {
        return true;
    }
    let written = String::from_utf8_lossy(&header[148..156]).into_owned();
    let Ok(written) = u32::from_str_radix(written.trim_matches(['\0', ' ']), 8) else { return false };
    let counted = |signed: bool| -> i64 {
        let bytes = header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        bytes.map(|byte| if signed { i64::from(byte as i8) } else { i64::from(byte) }).sum()
    };
    [true, false].iter().any(|signed| counted(*signed) == i64::from(written))
}

/// Whether the kernel can start it without a shell: an ELF file, or a script that names its interpreter.
pub fn is_program(start: &[u8]) -> bool {
    let names_one = |line: &[u8]| line.iter().take_while(|byte| **byte != b'\n').any(|byte| !b" \t".contains(byte));
    start.strip_prefix(b"#!").is_some_and(names_one) || start.starts_with(b"\x7fELF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes() {
        for start in [&b"BZh91AY"[..], b"\x1f\x8b\x08\x00", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x52\x2a\x4d\x18"] {
            assert!(is_archive(start), "{start:?}");
        }
        let mut old = vec![0u8; 512];
        old[0] = b'a';
        let sum: u32 = u32::from(b'a') + 8 * 32;
        old[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(is_archive(&old));
        old[1] = b'b';
        assert!(!is_archive(&old));
        let mut new = vec![0u8; 512];
        new[257..262].copy_from_slice(b"ustar");
        assert!(is_archive(&new) && !is_archive(&new[..511]) && !is_archive(&[0; 512]) && !is_archive(b"PK\x03\x04"));
        assert!(
            is_program(b"#!/bin/sh")
                && is_program(b"\x7fELF")
                && !is_program(b"echo")
                && !is_program(b"#! \nx")
                && !is_program(b"")
        );
    }
}
