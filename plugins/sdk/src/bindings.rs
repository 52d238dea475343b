//! What is generated from `wit/`. Nothing here is seen by a plugin author: the other modules re-export the types under their own names.
#![allow(unsafe_code, reason = "the generated code lowers and lifts values at the border of the component")]
#![allow(missing_docs, unused_qualifications, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package worldflux:sdk;

        world sdk {
            import worldflux:runtime/process@0.1.0;
            import worldflux:runtime/secrets@0.1.0;
            import worldflux:runtime/transfer@0.1.0;
            import worldflux:runtime/log@0.1.0;
            import wasi:http/outgoing-handler@0.2.12;
            export worldflux:runtime/plugin@0.1.0;
        }
    ",
    world: "worldflux:sdk/sdk",
    generate_all,
    additional_derives: [PartialEq],
    additional_derives_ignore: ["stream-error"],
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "worldflux_plugin::__private",
});
