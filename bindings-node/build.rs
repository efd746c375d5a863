//! Linker set-up for the Node extension.
fn main() {
    napi_build::setup();
}
