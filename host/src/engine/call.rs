//! The calls: one function per export, all through the same instance life.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, UpdateDeadline};

use super::{
    answer::{
        BuiltEnvironment, Description, Finding, Observation, Outcome, Outline, Refused, Release, Started, checked_failure, checked_findings,
    },
    fault::{CallError, HostFault, PluginFault},
    limits::{Exceeded, Limiter, Meter},
    load::{Plugin, one_line, reason_and_place},
    machine::Engine,
    question::{ExecutionRequest, Question, millis},
};
use crate::{
    imports::{Call, Guest, RuntimePlugin, wire},
    names::{Ending, Export, Failure},
    policy::Limits,
};

/// What an export returns on the wire: its own answer, or a failure.
type Wire<T> = wasmtime::Result<Result<T, wire::Failure>>;

impl Engine {
    /// Ask a plugin what it is.
    pub async fn describe(&self, plugin: &Plugin, call: Call) -> Result<Description, CallError> {
        let ask =
            async |plugin: RuntimePlugin, store: &mut Store<Guest>| plugin.worldflux_runtime_plugin().call_describe(store).await.map(Ok);
        self.ask(plugin, call, ask, Description::checked).await
    }

    /// Ask a plugin whether it can work here.
    pub async fn doctor(&self, plugin: &Plugin, call: Call, settings: &serde_json::Value) -> Result<Vec<Finding>, CallError> {
        let settings = settings.to_string();
        let ask =
            async |plugin: RuntimePlugin, store: &mut Store<Guest>| plugin.worldflux_runtime_plugin().call_doctor(store, &settings).await;
        let (findings, denied) = self.ask_and_hear(plugin, call, ask, checked_findings).await;
        let findings = findings.map_err(|error| error.because_of(denied.clone()))?;
        Ok(findings.into_iter().map(|finding| finding.with_remedy_of(denied.as_ref())).collect())
    }

    /// Ask a plugin what it would make.
    pub async fn plan(&self, plugin: &Plugin, call: Call, question: &Question) -> Result<Outline, CallError> {
        let context = question.to_wire(&call);
        let ask =
            async |plugin: RuntimePlugin, store: &mut Store<Guest>| plugin.worldflux_runtime_plugin().call_plan(store, &context).await;
        self.ask(plugin, call, ask, Outline::checked).await
    }

    /// Have a plugin make the environment, or look whether `existing` still works.
    pub async fn build_env(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        existing: Option<&str>,
    ) -> Result<BuiltEnvironment, CallError> {
        let context = question.to_wire(&call);
        let existing = existing.map(str::to_owned);
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_build_env(store, &context, existing.as_ref()).await
        };
        self.ask(plugin, call, ask, BuiltEnvironment::checked).await
    }

    /// Have a plugin start one command.
    pub async fn start(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        environment: &str,
        request: &ExecutionRequest,
    ) -> Result<Started, CallError> {
        let context = question.to_wire(&call);
        let (environment, request) = (environment.to_owned(), request.to_wire());
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_start(store, &context, &environment, &request).await
        };
        self.ask(plugin, call, ask, Started::checked).await
    }

    /// Have a plugin look at an execution, from `after` on.
    pub async fn poll(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        environment: &str,
        execution: &str,
        after: &str,
    ) -> Result<Observation, CallError> {
        let context = question.to_wire(&call);
        let (environment, execution, after) = (environment.to_owned(), execution.to_owned(), after.to_owned());
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_poll(store, &context, &environment, &execution, &after).await
        };
        self.ask(plugin, call, ask, Observation::checked).await
    }

    /// Have a plugin ask an execution to end.
    pub async fn kill(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        environment: &str,
        execution: &str,
        grace: Duration,
    ) -> Result<(), CallError> {
        let context = question.to_wire(&call);
        let (environment, execution) = (environment.to_owned(), execution.to_owned());
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_kill(store, &context, &environment, &execution, millis(grace)).await
        };
        self.ask(plugin, call, ask, Ok::<(), Refused>).await
    }

    /// Have a plugin bring home what an execution left.
    pub async fn collect(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        environment: &str,
        execution: &str,
        ending: &Ending,
    ) -> Result<Outcome, CallError> {
        let context = question.to_wire(&call);
        let (environment, execution, ending) = (environment.to_owned(), execution.to_owned(), wire::Ending::from(ending));
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_collect(store, &context, &environment, &execution, &ending).await
        };
        self.ask(plugin, call, ask, Outcome::checked).await
    }

    /// Have a plugin release what it made.
    pub async fn teardown(
        &self,
        plugin: &Plugin,
        call: Call,
        question: &Question,
        environment: Option<&str>,
    ) -> Result<Release, CallError> {
        let context = question.to_wire(&call);
        let environment = environment.map(str::to_owned);
        let ask = async |plugin: RuntimePlugin, store: &mut Store<Guest>| {
            plugin.worldflux_runtime_plugin().call_teardown(store, &context, environment.as_ref()).await
        };
        self.ask(plugin, call, ask, Release::checked).await
    }

    async fn ask<W, T>(
        &self,
        plugin: &Plugin,
        call: Call,
        body: impl AsyncFnOnce(RuntimePlugin, &mut Store<Guest>) -> Wire<W>,
        check: impl FnOnce(W) -> Result<T, Refused>,
    ) -> Result<T, CallError> {
        let (answer, denied) = self.ask_and_hear(plugin, call, body, check).await;
        answer.map_err(|error| error.because_of(denied))
    }

    /// The life of an instance: made, asked once under its limits, dropped. With the answer comes the denial that the plugin could not hand on.
    ///
    /// The store goes out of scope here whatever happens, so that nothing ever enters an instance again that was stopped half-way.
    async fn ask_and_hear<W, T>(
        &self,
        plugin: &Plugin,
        call: Call,
        body: impl AsyncFnOnce(RuntimePlugin, &mut Store<Guest>) -> Wire<W>,
        check: impl FnOnce(W) -> Result<T, Refused>,
    ) -> (Result<T, CallError>, Option<Failure>) {
        let (export, deadline, limits) = (call.export, call.deadline, *call.children.usage().limits());
        let patience = deadline.saturating_duration_since(Instant::now());
        let host = |fault| CallError::Host { export, fault };
        let (limiter, meter) = Limiter::new(limits);
        let guest = match Guest::new(call, Box::new(limiter)) {
            Ok(guest) => guest,
            Err(error) => return (Err(host(HostFault::Instance(one_line(&error)))), None),
        };
        let mut store = self.store(guest, limits);
        let running = self.tick();
        let life = async {
            let instance = plugin.pre.instantiate_async(&mut store).await?;
            body(instance, &mut store).await
        };
        let answer = timeout_at(deadline, AssertUnwindSafe(life).catch_unwind()).await;
        drop(running);
        store.data_mut().close();
        let denied = store.data().denied();
        let fault = |fault| CallError::Fault { export, fault };
        let bad = |refused: Refused| fault(PluginFault::BadAnswer(refused.to_string()));
        let answer = match answer {
            Err(_) => Err(fault(PluginFault::Deadline(patience))),
            Ok(Err(panic)) => Err(host(HostFault::Panic(panic_message(&*panic)))),
            Ok(Ok(Err(error))) => Err(fault(broken(&error, &meter, limits))),
            Ok(Ok(Ok(Err(failure)))) => Err(checked_failure(failure).map_or_else(bad, CallError::Refused)),
            Ok(Ok(Ok(Ok(answer)))) => check(answer).map_err(bad),
        };
        (answer, denied)
    }

    fn store(&self, guest: Guest, limits: Limits) -> Store<Guest> {
        let mut store = Store::new(self.wasmtime(), guest);
        store.limiter(Guest::limiter);
        store.set_hostcall_fuel(limits.host_call_fuel.as_len());
        // A guest that computes gives way to others at every tick; the deadline outside ends it.
        store.set_epoch_deadline(1);
        let mut turn = self.turn();
        store.epoch_deadline_callback(move |_| Ok(UpdateDeadline::YieldCustom(1, turn.end())));
        store
    }
}

fn broken(error: &wasmtime::Error, meter: &Meter, limits: Limits) -> PluginFault {
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return PluginFault::Exit(exit.0);
    }
    match meter.exceeded() {
        Exceeded::Memory => PluginFault::Memory(limits.memory),
        Exceeded::Table => PluginFault::Table(limits.table_elements),
        Exceeded::Nothing => PluginFault::Trap(reason_and_place(error)),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}

/// How long each export may take, from the call to its answer, programs that it runs included.
#[must_use]
pub const fn patience(export: Export) -> Duration {
    match export {
        Export::Describe => Duration::from_secs(10),
        Export::Doctor | Export::Kill => Duration::from_secs(30),
        Export::Plan | Export::Poll => Duration::from_mins(1),
        Export::Start | Export::Teardown => Duration::from_mins(5),
        Export::Collect => Duration::from_mins(15),
        Export::BuildEnv => Duration::from_hours(1),
    }
}
