//! Lays a [`Runtime`] behind the exports of the component.

use std::{marker::PhantomData, time::Duration};

use crate::{
    Runtime,
    bindings::exports::worldflux::runtime::plugin as wit,
    bindings::worldflux::runtime::types::{Context, Ending, Failure},
};

/// The component that `T` is.
pub struct Adapter<T>(PhantomData<T>);

impl<T: Runtime> wit::Guest for Adapter<T> {
    fn describe() -> wit::Description {
        T::describe()
    }

    fn doctor(settings: String) -> Result<Vec<wit::Finding>, Failure> {
        Ok(T::doctor(&settings)?)
    }

    fn plan(context: Context) -> Result<wit::Outline, Failure> {
        Ok(T::plan(&context)?)
    }

    fn build_env(context: Context, existing: Option<String>) -> Result<wit::Environment, Failure> {
        Ok(T::build_env(&context, existing.as_deref())?)
    }

    fn start(context: Context, environment: String, request: wit::ExecutionRequest) -> Result<wit::Started, Failure> {
        Ok(T::start(&context, &environment, &request)?)
    }

    fn poll(context: Context, environment: String, execution: String, after: String) -> Result<wit::Observation, Failure> {
        Ok(T::poll(&context, &environment, &execution, &after)?)
    }

    fn kill(context: Context, environment: String, execution: String, grace: u64) -> Result<(), Failure> {
        Ok(T::kill(&context, &environment, &execution, Duration::from_millis(grace))?)
    }

    fn collect(context: Context, environment: String, execution: String, ending: Ending) -> Result<wit::Outcome, Failure> {
        Ok(T::collect(&context, &environment, &execution, &ending)?)
    }

    fn teardown(context: Context, environment: Option<String>) -> Result<wit::Release, Failure> {
        Ok(T::teardown(&context, environment.as_deref())?)
    }
}
