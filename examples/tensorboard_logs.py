"""TensorBoard: loss and metrics of every epoch, those of single labels too.

Run it, then look: tensorboard --logdir logs. TensorBoard needs tensorflow; networks run on any
backend.
"""

import sys

import keras

import equipoise as eq

folder = sys.argv[1] if len(sys.argv) > 1 else "logs"
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
history = eq.fit(
    model,
    X_train,
    y_train.to_array(),
    class_weight=eq.LabelWeights.from_targets(y_train, "inverse_sqrt"),
    validation_data=(X_val, y_val.to_array()),
    epochs=3,
    verbose=0,
    callbacks=[keras.callbacks.TensorBoard(folder)],
)
print(f"{len(history.history)} curves of {len(history.epoch)} epochs are in {folder!r}")
