// libhdf5 for Swift: its macros as functions, what differs between its versions, and a file driver that reaches one range of one open
// descriptor and nothing else. Everything is `static inline`: there is no C target to build.
#ifndef MLPCONV_HDF5_SHIM_H
#define MLPCONV_HDF5_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

// ---- A range of a descriptor as a file ----

/// What the driver may touch, and what it saw. It outlives the file opened on it.
typedef struct {
    int descriptor;
    int writable;
    /// The range of the descriptor that is the file. A writable range begins at 0 and grows.
    uint64_t offset, count;
    /// While set, reads of raw data are noted and not done: so the library tells where a chunk lies.
    int recording;
    uint64_t recorded_address, recorded_count;
    unsigned recorded_reads;
} mlp_range_t;

typedef struct {
    mlp_range_t *range;
} mlp_driver_info_t;

typedef struct {
    H5FD_t pub; // has to be first
    mlp_range_t *range;
    haddr_t eoa;
} mlp_file_t;

static inline H5FD_t *mlp_vfd_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr) {
    (void)name;
    (void)maxaddr;
    const mlp_driver_info_t *info = (const mlp_driver_info_t *)H5Pget_driver_info(fapl);
    if (!info || !info->range) return NULL;
    if ((flags & H5F_ACC_RDWR) && !info->range->writable) return NULL;
    if (flags & H5F_ACC_TRUNC) {
        if (!info->range->writable || ftruncate(info->range->descriptor, 0) != 0) return NULL;
    }
    mlp_file_t *file = (mlp_file_t *)calloc(1, sizeof(mlp_file_t));
    if (file) file->range = info->range;
    return (H5FD_t *)file;
}

static inline herr_t mlp_vfd_close(H5FD_t *file) {
    free(file);
    return 0;
}

static inline herr_t mlp_vfd_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    if (flags) *flags = H5FD_FEAT_IGNORE_DRVRINFO;
    return 0;
}

static inline haddr_t mlp_vfd_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const mlp_file_t *)file)->eoa;
}

static inline herr_t mlp_vfd_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr) {
    (void)type;
    ((mlp_file_t *)file)->eoa = addr;
    return 0;
}

static inline haddr_t mlp_vfd_get_eof(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    const mlp_range_t *range = ((const mlp_file_t *)file)->range;
    if (!range->writable) return (haddr_t)range->count;
    struct stat status;
    return fstat(range->descriptor, &status) == 0 ? (haddr_t)status.st_size : HADDR_UNDEF;
}

static inline herr_t mlp_vfd_read(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, void *buffer) {
    (void)dxpl;
    mlp_range_t *range = ((mlp_file_t *)base)->range;
    uint64_t end = range->writable ? (uint64_t)mlp_vfd_get_eof(base, type) : range->count;
    if (range->recording && type == H5FD_MEM_DRAW) {
        range->recorded_address = addr;
        range->recorded_count = size;
        range->recorded_reads += 1;
        return 0;
    }
    if (addr > end || size > end - addr) return -1;
    uint8_t *target = (uint8_t *)buffer;
    uint64_t at = range->offset + addr;
    while (size > 0) {
        ssize_t got = pread(range->descriptor, target, size < (1u << 30) ? size : (1u << 30), (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        target += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static inline herr_t mlp_vfd_write(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, const void *buffer) {
    (void)type;
    (void)dxpl;
    mlp_range_t *range = ((mlp_file_t *)base)->range;
    if (!range->writable) return -1;
    const uint8_t *source = (const uint8_t *)buffer;
    uint64_t at = addr;
    while (size > 0) {
        ssize_t put = pwrite(range->descriptor, source, size < (1u << 30) ? size : (1u << 30), (off_t)at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return -1;
        source += put;
        at += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

static inline herr_t mlp_vfd_truncate(H5FD_t *base, hid_t dxpl, hbool_t closing) {
    (void)dxpl;
    (void)closing;
    mlp_file_t *file = (mlp_file_t *)base;
    if (!file->range->writable) return 0;
    return ftruncate(file->range->descriptor, (off_t)file->eoa) == 0 ? 0 : -1;
}

/// Registers the driver; its identifier, or a negative number.
static inline hid_t mlp_register_driver(void) {
    H5FD_class_t driver;
    memset(&driver, 0, sizeof driver);
#ifdef H5FD_CLASS_VERSION
    driver.version = H5FD_CLASS_VERSION;
    driver.value = (H5FD_class_value_t)517;
#endif
    driver.name = "mlpconv_range";
    driver.maxaddr = (haddr_t)INT64_MAX;
    driver.fc_degree = H5F_CLOSE_STRONG;
    driver.fapl_size = sizeof(mlp_driver_info_t);
    driver.open = mlp_vfd_open;
    driver.close = mlp_vfd_close;
    driver.query = mlp_vfd_query;
    driver.get_eoa = mlp_vfd_get_eoa;
    driver.set_eoa = mlp_vfd_set_eoa;
    driver.get_eof = mlp_vfd_get_eof;
    driver.read = mlp_vfd_read;
    driver.write = mlp_vfd_write;
    driver.truncate = mlp_vfd_truncate;
    return H5FDregister(&driver);
}

static inline herr_t mlp_set_driver(hid_t fapl, hid_t driver, mlp_range_t *range) {
    mlp_driver_info_t info;
    info.range = range;
    return H5Pset_driver(fapl, driver, &info);
}

// ---- Macros as functions ----

static inline hid_t mlp_p_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t mlp_p_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t mlp_p_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t mlp_p_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t mlp_p_link_create(void) { return H5P_LINK_CREATE; }
static inline hid_t mlp_p_attribute_create(void) { return H5P_ATTRIBUTE_CREATE; }
static inline hid_t mlp_p_default(void) { return H5P_DEFAULT; }
static inline hid_t mlp_s_all(void) { return H5S_ALL; }
static inline hid_t mlp_e_default(void) { return H5E_DEFAULT; }
static inline haddr_t mlp_address_undefined(void) { return HADDR_UNDEF; }
static inline unsigned mlp_acc_rdonly(void) { return H5F_ACC_RDONLY; }
static inline unsigned mlp_acc_trunc(void) { return H5F_ACC_TRUNC; }
static inline size_t mlp_variable(void) { return H5T_VARIABLE; }
static inline int mlp_max_rank(void) { return H5S_MAX_RANK; }

static inline hid_t mlp_t_c_s1(void) { return H5T_C_S1; }
static inline hid_t mlp_t_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t mlp_t_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t mlp_t_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t mlp_t_f32le(void) { return H5T_IEEE_F32LE; }
static inline hid_t mlp_t_f64le(void) { return H5T_IEEE_F64LE; }
/// The predefined little-endian integer of 1, 2, 4 or 8 bytes.
static inline hid_t mlp_t_integer(int bytes, int is_signed) {
    switch (bytes) {
    case 1: return is_signed ? H5T_STD_I8LE : H5T_STD_U8LE;
    case 2: return is_signed ? H5T_STD_I16LE : H5T_STD_U16LE;
    case 4: return is_signed ? H5T_STD_I32LE : H5T_STD_U32LE;
    default: return is_signed ? H5T_STD_I64LE : H5T_STD_U64LE;
    }
}

// ---- What differs between versions ----

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t mlp_object_info_t;
typedef H5L_info1_t mlp_library_link_t;
#else
typedef H5O_info_t mlp_object_info_t;
typedef H5L_info_t mlp_library_link_t;
#endif

typedef struct {
    int type; // H5L_type_t: 0 hard, 1 soft, 64 external, above: user-defined
    uint64_t address; // of a hard link's object
    uint64_t value_size; // of a soft link's target, NUL included
} mlp_link_t;

/// A link of a group: return 0 to go on, another number to stop.
typedef int (*mlp_link_function)(void *context, const char *name, const mlp_link_t *link);

typedef struct {
    mlp_link_function function;
    void *context;
} mlp_link_call_t;

static inline herr_t mlp_link_callback(hid_t group, const char *name, const mlp_library_link_t *info, void *data) {
    (void)group;
    const mlp_link_call_t *call = (const mlp_link_call_t *)data;
    mlp_link_t link;
    memset(&link, 0, sizeof link);
    link.type = (int)info->type;
    if (info->type == H5L_TYPE_HARD) link.address = info->u.address;
    else link.value_size = info->u.val_size;
    return call->function(call->context, name, &link);
}

/// Calls `function` for each link of `group` itself, in the order of creation or of names.
static inline herr_t mlp_iterate_links(hid_t group, int by_creation, mlp_link_function function, void *context) {
    mlp_link_call_t call;
    call.function = function;
    call.context = context;
    hsize_t start = 0;
    H5_index_t order = by_creation ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
#if H5_VERSION_GE(1, 12, 0)
    return H5Literate1(group, order, H5_ITER_INC, &start, mlp_link_callback, &call);
#else
    return H5Literate(group, order, H5_ITER_INC, &start, mlp_link_callback, &call);
#endif
}

typedef struct {
    int type; // H5O_type_t: 0 group, 1 dataset, 2 named type
    uint64_t address;
    uint64_t attributes;
} mlp_object_t;

static inline herr_t mlp_object_of(const mlp_object_info_t *info, mlp_object_t *object) {
    object->type = (int)info->type;
    object->address = info->addr;
    object->attributes = info->num_attrs;
    return 0;
}

/// What the link `name` of `group` leads to.
static inline herr_t mlp_object_info(hid_t group, const char *name, mlp_object_t *object) {
    mlp_object_info_t info;
    memset(&info, 0, sizeof info);
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS, H5P_DEFAULT) < 0) return -1;
    return mlp_object_of(&info, object);
}

/// What `identifier` is.
static inline herr_t mlp_object_info_of(hid_t identifier, mlp_object_t *object) {
    mlp_object_info_t info;
    memset(&info, 0, sizeof info);
    if (H5Oget_info2(identifier, &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0) return -1;
    return mlp_object_of(&info, object);
}

static inline herr_t mlp_read_chunk(hid_t dataset, const hsize_t *offset, uint32_t *filters, void *buffer, size_t size) {
#if H5_VERSION_GE(2, 0, 0)
    return H5Dread_chunk2(dataset, H5P_DEFAULT, offset, filters, buffer, &size);
#else
    (void)size;
    return H5Dread_chunk(dataset, H5P_DEFAULT, offset, filters, buffer);
#endif
}

/// The lowest and highest file format that is written: what HDF5 1.8 and later read.
static inline herr_t mlp_set_earliest(hid_t fapl) {
    return H5Pset_libver_bounds(fapl, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
}

/// The innermost entry of the error stack, which is the one that says what was wrong.
typedef struct {
    char text[256];
    char outer[256];
} mlp_error_t;

static inline herr_t mlp_error_callback(unsigned position, const H5E_error2_t *entry, void *data) {
    mlp_error_t *error = (mlp_error_t *)data;
    const char *text = entry->desc ? entry->desc : "";
    strncpy(position == 0 ? error->text : error->outer, text, sizeof error->text - 1);
    return 0;
}

/// The stack's innermost and outermost description; then the stack is cleared.
static inline void mlp_take_error(mlp_error_t *error) {
    memset(error, 0, sizeof *error);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, mlp_error_callback, error);
    H5Eclear2(H5E_DEFAULT);
}

/// No new privileges and no core image of this process, where the system knows such things.
static inline void mlp_harden(void) {
#if defined(__linux__)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static inline void mlp_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

#endif
