//! The task that deletes the label of an erased customer, which has their name and address.

use uuid::Uuid;

use crate::State;
use crate::label_task;
use crate::tasks::{Step, TaskError, return_task};

return_task!(
    /// Deletes the file of a return's label.
    DeleteErasedLabel,
    "erased_label",
    delete
);

async fn delete(state: &State, id: Uuid) -> Result<Step, TaskError> {
    let object = label_task::object(id)?;
    state.labels.objects().delete(&object).await?;
    Ok(Step::Done)
}
