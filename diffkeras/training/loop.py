"""The training loop: `model.fit` from any step on."""

from contextlib import closing

from diffkeras.data import explain_damage
from diffkeras.training.callbacks import make_callbacks
from diffkeras.training.callbacks.progress import TrainingProgress
from diffkeras.training.checkpoints import read_weights
from diffkeras.training.memory import within_memory
from diffkeras.training.session import TrainingSession


def run_epochs(session: TrainingSession) -> None:
    """Train from where the state of a session is to the last epoch.

    Keras starts at the first step of an epoch only, so the rest of an epoch is a call of `fit` of
    its own. The next call continues from the checkpoint at its end.
    """
    state, model, batches = session.state, session.model, session.batches
    with (
        closing(TrainingProgress(session)) as progress,
        explain_damage(session.config, session.data_dir),
        within_memory(session.config),
    ):
        callbacks = make_callbacks(session, progress)
        validation = batches.validation()
        while state.epoch < session.epochs and not session.out_of_patience:
            model.fit(
                batches.training(state.epoch, state.step),
                validation_data=validation,
                validation_steps=batches.validation_steps,
                initial_epoch=state.epoch,
                epochs=state.epoch + 1 if state.step else session.epochs,
                steps_per_epoch=session.steps - state.step,
                shuffle=False,  # the pipeline shuffles
                verbose=0,
                callbacks=list(callbacks),
            )
            if state.epoch < session.epochs and (place := session.checkpoints.backup()):
                # at the end of a fit Keras sets the weights to their moving average
                read_weights(place, model)
