//! Takes a component apart into its sections, and puts it together again.

/// What a component begins with.
pub(crate) const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// The sections of a component, each with its number and length.
pub(crate) fn sections(component: &[u8]) -> Vec<Vec<u8>> {
    let mut sections = vec![];
    let mut at = PREAMBLE.len();
    while at < component.len() {
        let begin = at;
        at += 1;
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let byte = component[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += length;
        sections.push(component[begin..at].to_vec());
    }
    sections
}

pub(crate) fn put_together(sections: &[Vec<u8>]) -> Vec<u8> {
    [PREAMBLE, &sections.concat()].concat()
}
