//! What a strict command sees and can do, and what it cannot.

mod attacks;
mod basics;
mod devices;
mod ends;
mod interpreters;
mod levels;
mod limits;
mod neighbours;
mod network;
mod ordinary;
mod view;
mod world;
