//! What a strict command sees and can do, and what it cannot.

mod basics;
