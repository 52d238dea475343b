//! What of an entry can hold somebody else's words.

use super::entry::{Body, Call};
use crate::store::hide::Hide;

impl Body {
    /// The same entry without what `hide` hides. What the host alone says, the kind and the name of an import, stays as it is.
    pub(super) fn hidden(mut self, hide: &Hide) -> Self {
        match &mut self {
            Self::Begin { .. } | Self::Dropped { .. } => {}
            Self::Intent(Call { action, .. }) => hide.json(action),
            Self::Result { outcome, .. } => hide.json(outcome),
            Self::Denial { call, denial } => {
                hide.json(&mut call.action);
                hide.texts([&mut denial.plugin, &mut denial.action, &mut denial.rule, &mut denial.cure]);
            }
            Self::Phase { step } => hide.text(step),
            Self::Log { message, fields, .. } => {
                hide.text(message);
                hide.json(fields);
            }
            Self::Note { text, details } => {
                hide.text(text);
                hide.json(details);
            }
        }
        self
    }
}
