//! One content as pieces of another, in the format of git's packs (gitformat-pack(5), "Deltified representation").

use std::collections::HashMap;

/// Bytes that two contents must have in common to be found.
const BLOCK: usize = 16;

/// Contents up to here are looked through. A larger one is written as it is: the patch is longer, and made in a moment.
pub(super) const MOST: usize = 4 << 20;

/// The longest piece that one instruction copies, and that one inserts.
const COPY: usize = 0xffff;
const INSERT: usize = 0x7f;

/// How to make `new` of `old`.
pub(super) fn delta(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut delta = Vec::new();
    size(old.len(), &mut delta);
    size(new.len(), &mut delta);
    let mut blocks: HashMap<&[u8], usize> = HashMap::with_capacity(old.len() / BLOCK);
    for (number, block) in old.chunks_exact(BLOCK).enumerate() {
        blocks.entry(block).or_insert(number * BLOCK);
    }
    let (mut at, mut pending) = (0, 0);
    while let Some(block) = new.get(at..at + BLOCK) {
        let Some(found) = blocks.get(block) else {
            at += 1;
            continue;
        };
        let (after_new, after_old) = (new.get(at..).unwrap_or_default(), old.get(*found..).unwrap_or_default());
        let length = after_new.iter().zip(after_old).take_while(|(new, old)| new == old).count();
        let (before_new, before_old) = (new.get(pending..at).unwrap_or_default(), old.get(..*found).unwrap_or_default());
        let back = before_new.iter().rev().zip(before_old.iter().rev()).take_while(|(new, old)| new == old).count();
        insert(new.get(pending..at - back).unwrap_or_default(), &mut delta);
        copy(*found - back, length + back, &mut delta);
        at += length;
        pending = at;
    }
    insert(new.get(pending..).unwrap_or_default(), &mut delta);
    delta
}

fn size(mut size: usize, delta: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(size & 0x7f).unwrap_or(0);
        size >>= 7;
        delta.push(if size > 0 { low | 0x80 } else { low });
        if size == 0 {
            return;
        }
    }
}

fn insert(bytes: &[u8], delta: &mut Vec<u8>) {
    for piece in bytes.chunks(INSERT) {
        delta.push(u8::try_from(piece.len()).unwrap_or(0));
        delta.extend_from_slice(piece);
    }
}

fn copy(mut offset: usize, mut length: usize, delta: &mut Vec<u8>) {
    while length > 0 {
        let piece = length.min(COPY);
        let place = delta.len();
        delta.push(0);
        let mut command = 0x80;
        let offsets = u32::try_from(offset).unwrap_or(0).to_le_bytes();
        let lengths = u16::try_from(piece).unwrap_or(0).to_le_bytes();
        for (bit, byte) in offsets.into_iter().chain(lengths).enumerate() {
            if byte != 0 {
                command |= 1 << bit;
                delta.push(byte);
            }
        }
        if let Some(first) = delta.get_mut(place) {
            *first = command;
        }
        offset += piece;
        length -= piece;
    }
}
