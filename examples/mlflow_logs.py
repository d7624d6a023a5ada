"""MLflow: loss and metrics of every epoch, those of single labels too.

It needs mlflow (pip install mlflow). Run it, then look: mlflow ui --backend-store-uri
sqlite:///mlflow.db. MLflow refuses metrics whose names hold other characters than letters,
digits, spaces and _-./: so name labels accordingly.
"""

import sys

import keras
import mlflow

import equipoise as eq

store = sys.argv[1] if len(sys.argv) > 1 else "sqlite:///mlflow.db"
mlflow.set_tracking_uri(store)
mlflow.set_experiment("equipoise")
scenes = eq.datasets.digits_scenes(2000, random_state=0)
X_train, X_val, y_train, y_val = eq.model_selection.train_test_split(
    scenes.x, scenes.targets, groups=scenes.groups, random_state=0
)
model = keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
model.compile(
    optimizer="adam",
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[eq.metrics.AveragePrecision(from_logits=True, per_label=True, name="ap")],
)
weights = eq.LabelWeights.from_targets(y_train, "inverse_sqrt")
with mlflow.start_run() as run:
    mlflow.log_dict(weights.to_dict(), "weights.json")
    history = eq.fit(
        model,
        X_train,
        y_train.to_array(),
        class_weight=weights,
        validation_data=(X_val, y_val.to_array()),
        epochs=3,
        verbose=0,
        callbacks=[mlflow.keras.MlflowCallback()],
    )
    mlflow.flush_async_logging()
print(f"{len(history.history)} curves of {len(history.epoch)} epochs are in run {run.info.run_id}")
