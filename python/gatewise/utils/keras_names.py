"""The public names of Keras 3.15 that are not here, with what to use instead.

Imported at the first such name only. `docs/keras_names.md` is made from it by
`tests/keras/make_names_page.py`. When a name is added to the package, take it out here.
"""

from __future__ import annotations

_PILLOW = "read and change images with Pillow or scikit-image, and pass arrays"
_FILES = "load the rows into an array, or give batches by gw.utils.PyDataset"
_TABLES = "files name classes of this package only; no class is registered"
_NO_SYMBOLS = "use np.shape and np.asarray; only gw.Input and layers make symbols"

MODULES: dict[str, str] = {
    "applications": "compute the features of images with the trained network in its own package, "
    "and pass them as rows",
    "datasets": "use the loaders of scikit-learn (fetch_openml, fetch_california_housing) or "
    "mlxtend.data",
    "distillation": "fit with the predictions of the larger model as targets, y=teacher.predict(x)",
    "distribution": "use gw.set_num_threads; a model trains on the processors of one machine",
    "export": "use model.save and gw.load_model; predict needs no other package",
    "legacy": "use gw.save_model and gw.load_model",
    "mixed_precision": "use gw.config.set_dtype_policy and gw.DTypePolicy",
    "ops": "use NumPy on arrays before fit and after predict; the core computes all between them",
    "optimizers.legacy": "use the optimizers of gw.optimizers",
    "preprocessing": f"{_PILLOW}; make sequences and windows with NumPy",
    "quantizers": 'use model.quantize("int8"), "int4" or "bfloat16"',
    "random": "use np.random.default_rng(seed); gw.utils.set_random_seed makes models reproducible",
    "tree": "use dicts, lists and loops; models take a list or dict of arrays",
    "utils.bounding_boxes": "use NumPy; there are no detection models",
    "utils.legacy": "use gw.save_model and gw.load_model",
    "visualization": "use Matplotlib; gw.plots draws models, trainings and image data",
    "wrappers": "use gw.estimators: ModelClassifier, ModelRegressor, SparseExpertClassifier, "
    "SparseAutoencoderTransformer",
}
"""Modules without a counterpart: the sentence of the module and of all names in it."""

NAMES: dict[str, dict[str, str]] = {
    "": {
        "use gw.DTypePolicy": "FloatDTypePolicy",
        "use gw.Model(inputs, outputs)": "Function",
        "layers check their inputs themselves; see layer.input_shape": "InputSpec",
        "gw.Input makes symbols; layers connect them": "KerasTensor",
        "layers run in the core; connect them with gw.Model(inputs, outputs)": "Operation",
        'use model.quantize("int8"), "int4" or "bfloat16"': "Quantizer",
        "a step keeps what its backward pass reads; use a smaller batch_size": "RematScope remat",
        "there is no global state of tensors; train with fit or train_on_batch": "StatelessScope "
        "SymbolicScope",
        "weights live in the core; use layer.get_weights and set_weights": "Variable",
        "everything runs on the CPU; use gw.set_num_threads": "device",
        "use name= of layers and models": "name_scope",
    },
    "backend": {
        "the core is part of the package; gw.show_config() describes it": "backend",
        "layers name themselves; give name= for another one": "get_uid",
        "use data_format= of layers": "set_image_data_format",
        "use NumPy's types: np.result_type, np.issubdtype": (
            "is_float_dtype is_int_dtype result_type standardize_dtype"
        ),
        _NO_SYMBOLS: "is_keras_tensor",
        "losses keep their own bounds; clip arrays with np.clip": "set_epsilon",
        "arrays are float32; gw.config.set_dtype_policy('mixed_bfloat16') trains with bfloat16 "
        "products": "set_floatx",
    },
    "callbacks": {
        "use gw.callbacks.ModelCheckpoint or BackupAndRestore": "OrbaxCheckpoint",
        "use verbose= of fit, evaluate and predict": "ProgbarLogger",
        "use gw.callbacks.LambdaCallback(on_epoch_end=...) with urllib.request": "RemoteMonitor",
    },
    "config": {
        "the core is part of the package; gw.show_config() describes it": (
            "backend set_backend is_nnx_enabled"
        ),
        "no layer computes attention; use a trained transformer before fit": (
            "disable_flash_attention enable_flash_attention is_flash_attention_enabled"
        ),
        "use verbose= of fit, evaluate and predict": (
            "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled"
        ),
        "no frame is left out; use traceback or sys.excepthook": (
            "disable_traceback_filtering enable_traceback_filtering is_traceback_filtering_enabled"
        ),
        "no file ever runs code, so none has to be allowed to": "enable_unsafe_deserialization",
        "use data_format= of layers": "set_image_data_format",
        "use epochs= and steps_per_epoch= of fit": (
            "max_epochs max_steps_per_epoch set_max_epochs set_max_steps_per_epoch"
        ),
        "losses keep their own bounds; clip arrays with np.clip": "set_epsilon",
        "arrays are float32; gw.config.set_dtype_policy('mixed_bfloat16') trains with bfloat16 "
        "products": "set_floatx",
    },
    "dtype_policies": {
        'use model.quantize("int8") or "int4" after training': (
            "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy "
            "QuantizedFloat8DTypePolicy"
        ),
        "use dtype= of each layer": "DTypePolicyMap",
        "use gw.DTypePolicy": "FloatDTypePolicy",
        "use gw.DTypePolicy(name), get_config and from_config": "deserialize get serialize",
    },
    "initializers": {
        "use scipy.signal before fit; there is no layer of spectrograms": (
            "STFT STFTInitializer stft"
        ),
    },
    "layers": {
        "use Conv1D, Conv2D and their pooling, or pass the features of a trained network as rows": (
            "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D "
            "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
        ),
        "rows have no order in time; use lagged values as columns, or pass the states of a trained "
        "network as rows": (
            "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell Masking RNN "
            "SimpleRNN SimpleRNNCell StackedRNNCells TimeDistributed"
        ),
        "rows do not attend to each other; use the outputs of a trained transformer as rows": (
            "AdditiveAttention Attention GroupQueryAttention MultiHeadAttention"
        ),
        f"{_PILLOW}, or change each batch in gw.utils.PyDataset": (
            "AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix "
            "Equalization MaxNumBoundingBoxes MixUp RandAugment RandomBrightness "
            "RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop "
            "RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale "
            "RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation "
            "RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Resizing "
            "Solarization"
        ),
        "use scipy.signal before fit": "MelSpectrogram STFTSpectrogram",
        "use scikit-learn's transformers before fit: OneHotEncoder, FeatureHasher, "
        "CountVectorizer (CSR rows are taken as they are)": (
            "HashedCrossing Hashing TextVectorization"
        ),
        "use gw.layers.LayerNormalization or BatchNormalization": (
            "GroupNormalization SpectralNormalization"
        ),
        "use gw.layers.Embedding": ("ReversibleEmbedding"),
        "use gw.layers.Dense, which works on the last axis": "EinsumDense",
        "layers run in the core; connect them with gw.Model(inputs, outputs), or add a kind "
        "(CONTRIBUTING)": (
            "FlaxLayer JaxLayer Lambda Pipeline TFSMLayer TorchModuleWrapper Wrapper"
        ),
        "layers check their inputs themselves; see layer.input_shape": "InputSpec",
    },
    "losses": {
        "use gw.losses.CategoricalCrossentropy or BinaryCrossentropy with class_weight or "
        "sample_weight": (
            "CategoricalGeneralizedCrossEntropy Dice Tversky "
            "categorical_generalized_cross_entropy dice tversky"
        ),
        "there are no sequences or embeddings to compare": "CTC Circle ctc circle",
    },
    "metrics": {
        "use sklearn.metrics on predictions": (
            "binary_accuracy binary_crossentropy binary_focal_crossentropy "
            "categorical_accuracy categorical_crossentropy categorical_focal_crossentropy "
            "categorical_hinge huber kl_divergence log_cosh "
            "mean_absolute_error mean_absolute_percentage_error mean_squared_error "
            "mean_squared_logarithmic_error poisson "
            "sparse_categorical_accuracy sparse_categorical_crossentropy "
            "sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy"
        ),
    },
    "optimizers": {
        "use gw.optimizers.Adam, AdamW, Lion, RMSprop or SGD": ("Ftrl Lamb Muon ScheduleFreeAdamW"),
        "bfloat16 needs no scaled loss; use gw.config.set_dtype_policy('mixed_bfloat16')": (
            "LossScaleOptimizer"
        ),
        "use one optimizer for all layers; layer.trainable = False leaves a layer out": (
            "MultiOptimizer OptimizerMap"
        ),
    },
    "saving": {
        _TABLES: (
            "CustomObjectScope custom_object_scope get_custom_objects get_registered_name "
            "get_registered_object register_keras_serializable"
        ),
        "weights of Keras are set by layer.set_weights; docs/files.md describes our files": (
            "KerasFileEditor"
        ),
        "use get_config and from_config, or model.to_json and gw.models.model_from_json": (
            "deserialize_keras_object serialize_keras_object"
        ),
    },
    "regularizers": {
        "use gw.initializers.Orthogonal, or a penalty of gw.regularizers: L1, L2, L1L2, GroupL1": (
            "OrthogonalRegularizer orthogonal_regularizer"
        ),
    },
    "utils": {
        "use gw.utils.plot_model(model, 'model.dot'), whose text pydot and graphviz read": (
            "model_to_dot"
        ),
        _TABLES: (
            "CustomObjectScope custom_object_scope get_custom_objects get_registered_name "
            "get_registered_object register_keras_serializable"
        ),
        _FILES: (
            "audio_dataset_from_directory image_dataset_from_directory text_dataset_from_directory"
        ),
        "use a dict, types.SimpleNamespace or a dataclass": "Config",
        "use scikit-learn's ColumnTransformer before fit": "FeatureSpace",
        "use tqdm": "Progbar",
        _PILLOW: "array_to_img img_to_array load_img save_img",
        "use get_config and from_config, or model.to_json and gw.models.model_from_json": (
            "deserialize_keras_object serialize_keras_object"
        ),
        "use verbose= of fit, evaluate and predict": (
            "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled"
        ),
        "use urllib.request.urlretrieve, or pooch, which keeps files and checks their hash": (
            "get_file"
        ),
        "use model.inputs": "get_source_inputs",
        _NO_SYMBOLS: "is_keras_tensor",
        "use np.pad, or a loop that fills np.zeros((n, length))": "pad_sequences",
        "use sklearn.model_selection.train_test_split, or validation_split= of fit": (
            "split_dataset"
        ),
        "use NumPy's types: np.dtype(value).name": "standardize_dtype",
        "use np.lib.stride_tricks.sliding_window_view": "timeseries_dataset_from_array",
    },
}
"""Names of modules that are here ("" is the package): what to use instead, with the names."""


def advice(path: str) -> str | None:
    """What to use instead of a name, by its path in Keras: `"layers.LSTM"` or `"ops.relu"`."""
    for module, advised in MODULES.items():
        if path == module or path.startswith(f"{module}."):
            return advised
    module, _, name = path.rpartition(".")
    found = (said for said, names in NAMES.get(module, {}).items() if name in names.split())
    return next(found, None)
