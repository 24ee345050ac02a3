/* SPDX-License-Identifier: Apache-2.0 */
/* An MPI within one process, with the fault tolerance of ULFM: what src/mpi/transport.cpp uses, and nothing else. Debian has no MPI with ULFM
 * that can lose a rank, so the code for one is compiled against this one. What happens is told by fake_mpi.hpp. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef int MPI_Comm;
typedef int MPI_Datatype;
typedef int MPI_Request;
typedef int MPI_Message;
typedef int MPI_Group;
typedef int MPI_Errhandler;
typedef struct {
  int MPI_SOURCE;
  int MPI_TAG;
  int MPI_ERROR;
  int count;
} MPI_Status;

#define MPI_SUCCESS 0
#define MPI_ERR_OTHER 15
#define MPIX_ERR_PROC_FAILED 75
#define MPIX_ERR_PROC_FAILED_PENDING 76
#define MPI_COMM_WORLD 1
#define MPI_BYTE 1
#define MPI_ANY_SOURCE (-1)
#define MPI_ANY_TAG (-1)
#define MPI_REQUEST_NULL (-1)
#define MPI_MESSAGE_NULL (-1)
#define MPI_GROUP_NULL (-1)
#define MPI_GROUP_EMPTY 0
#define MPI_ERRORS_RETURN 1
#define MPI_STATUS_IGNORE ((MPI_Status*)0)
#define MPI_MAX_ERROR_STRING 64
enum { MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED, MPI_THREAD_MULTIPLE };

int MPI_Initialized(int* flag);
int MPI_Query_thread(int* provided);
int MPI_Init_thread(int* argc, char*** argv, int required, int* provided);
int MPI_Finalize(void);
int MPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler);
int MPI_Comm_rank(MPI_Comm comm, int* rank);
int MPI_Comm_size(MPI_Comm comm, int* size);
int MPI_Comm_group(MPI_Comm comm, MPI_Group* group);
int MPI_Group_size(MPI_Group group, int* size);
int MPI_Group_translate_ranks(MPI_Group from, int n, const int ranks[], MPI_Group to, int result[]);
int MPI_Group_free(MPI_Group* group);
int MPI_Error_string(int code, char* text, int* length);
int MPI_Error_class(int code, int* error_class);
int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request* request);
int MPI_Improbe(int from, int tag, MPI_Comm comm, int* flag, MPI_Message* message,
                MPI_Status* status);
int MPI_Imrecv(void* buffer, int count, MPI_Datatype type, MPI_Message* message,
               MPI_Request* request);
int MPI_Get_count(const MPI_Status* status, MPI_Datatype type, int* count);
int MPI_Test(MPI_Request* request, int* flag, MPI_Status* status);

int MPIX_Comm_failure_ack(MPI_Comm comm);
int MPIX_Comm_failure_get_acked(MPI_Comm comm, MPI_Group* group);

#ifdef __cplusplus
}
#endif
