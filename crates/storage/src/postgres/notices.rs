//! Notices between servers: an edit was made, money is called back.
//!
//! Invariants: a notice is sent with the commit it tells of; one that may have been missed while the connection was gone
//! counts as one that came. Nobody depends on them: who hears nothing finds out at his next look.
//! Does not know: what is done about a notice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;

use crate::postgres::address::Address;
use crate::receipt::retry_pause;

/// Statement that tells all servers of an edit.
pub(super) const TELL_EPOCH: &str = "SELECT pg_notify('keyward', 'epoch')";
/// Statement that tells all servers that one of them found too little.
pub(super) const TELL_RECALL: &str = "SELECT pg_notify('keyward', 'recall')";
const LISTEN: &str = "LISTEN keyward";
/// How long LISTEN itself may take.
const LISTEN_MAX: Duration = Duration::from_secs(4);

/// Listens until it is dropped with its task.
pub(super) async fn listen(address: Address, heard: Arc<Notify>) {
    let mut failed = 0_u32;
    loop {
        if listen_once(&address, &heard).await {
            failed = 0;
        }
        failed = failed.saturating_add(1);
        tokio::time::sleep(retry_pause(failed)).await;
    }
}

/// Listens for as long as the connection lasts; whether one came about.
async fn listen_once(address: &Address, heard: &Notify) -> bool {
    let config = address.config(LISTEN_MAX);
    let connecting = tokio::time::timeout(LISTEN_MAX, config.connect(address.tls.clone()));
    let Ok(Ok((client, mut connection))) = connecting.await else {
        return false;
    };
    let listening = async {
        let listens = tokio::time::timeout(LISTEN_MAX, client.batch_execute(LISTEN)).await;
        if matches!(listens, Ok(Ok(()))) {
            // Something may have been said while nobody listened.
            heard.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let hearing = async {
        loop {
            match std::future::poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => heard.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = hearing => {}
    }
    true
}
