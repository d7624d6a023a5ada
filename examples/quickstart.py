"""The README's example: labels to weights, to a Keras model, to decisions to be trusted."""

import keras

import equipoise as eq

scenes = eq.datasets.digits_scenes(3000, random_state=0)
X_train, X_val, X_test, y_train, y_val, y_test = eq.model_selection.train_validation_test_split(
    scenes.x, scenes.targets, groups=scenes.groups, random_state=0
)
weights = eq.LabelWeights.from_targets(y_train, scheme="balanced")
loss = eq.losses.WeightedBinaryCrossentropy(weights=weights, from_logits=True)

model = keras.Sequential([keras.layers.Dense(256, activation="relu"), keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=loss)
model.fit(X_train, y_train.to_array(), epochs=5, verbose=0)

raw = keras.ops.sigmoid(model.predict(X_test, verbose=0))
probabilities = loss.to_probability(model.predict(X_test, verbose=0))  # undoes the weights
thresholds = eq.decision.tune_thresholds(
    y_val, loss.to_probability(model.predict(X_val, verbose=0))
)
exact = eq.metrics.exact
print("positives", y_train.values.sum(axis=0), "weights", weights.positive.round(1))
for name, p in (("raw", raw), ("corrected", probabilities)):
    error = exact.expected_calibration_error(y_test, p, average="micro")
    print(f"{name:9} calibration error {error:.3f}")
print(f"macro-F1 at tuned thresholds {exact.f_beta(y_test, thresholds.predict(probabilities)):.3f}")
