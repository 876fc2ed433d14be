/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_QUIC_COMPAT_H
#define BK_LINK_QUIC_COMPAT_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

/* ngtcp2 1.x renamed some of what 0.12 has; the code is written in the new names. */
#if NGTCP2_VERSION_NUM < 0x010000
#define ngtcp2_ccerr                       ngtcp2_connection_close_error
#define ngtcp2_ccerr_default               ngtcp2_connection_close_error_default
#define ngtcp2_ccerr_set_liberr            ngtcp2_connection_close_error_set_transport_error_liberr
#define ngtcp2_ccerr_set_tls_alert         ngtcp2_connection_close_error_set_transport_error_tls_alert
#define ngtcp2_ccerr_set_application_error ngtcp2_connection_close_error_set_application_error
#define NGTCP2_CCERR_TYPE_APPLICATION      NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION

static inline ngtcp2_ccerr bk_ngtcp2_peer_close(ngtcp2_conn *conn)
{
	ngtcp2_ccerr e;

	ngtcp2_conn_get_connection_close_error(conn, &e);
	return e;
}

static inline void bk_ngtcp2_set_original_dcid(ngtcp2_transport_params *p, const ngtcp2_cid *dcid)
{
	p->original_dcid = *dcid;
}

/* 0.12 tells the peer that it may clear the fixed bit (RFC 9287), whatever the parameters say; but that bit
 * is what tells QUIC from its neighbours on the socket (RFC 9443). The object behind the const pointer is not
 * const. */
static inline void bk_ngtcp2_keep_fixed_bit(ngtcp2_conn *conn)
{
	((ngtcp2_transport_params *)(uintptr_t)ngtcp2_conn_get_local_transport_params(conn))
		->grease_quic_bit = 0;
}

static inline uint64_t bk_ngtcp2_in_flight(ngtcp2_conn *conn)
{
	ngtcp2_conn_stat stat;

	ngtcp2_conn_get_conn_stat(conn, &stat);
	return stat.bytes_in_flight;
}

static inline int64_t bk_ngtcp2_rtt(ngtcp2_conn *conn)
{
	ngtcp2_conn_stat stat;

	ngtcp2_conn_get_conn_stat(conn, &stat);
	return (int64_t)stat.smoothed_rtt;
}

#else
static inline uint64_t bk_ngtcp2_in_flight(ngtcp2_conn *conn)
{
	ngtcp2_conn_info info;

	ngtcp2_conn_get_conn_info(conn, &info);
	return info.bytes_in_flight;
}

static inline int64_t bk_ngtcp2_rtt(ngtcp2_conn *conn)
{
	ngtcp2_conn_info info;

	ngtcp2_conn_get_conn_info(conn, &info);
	return (int64_t)info.smoothed_rtt;
}

static inline void bk_ngtcp2_keep_fixed_bit(ngtcp2_conn *conn)
{
	(void)conn;
}

static inline ngtcp2_ccerr bk_ngtcp2_peer_close(ngtcp2_conn *conn)
{
	return *ngtcp2_conn_get_ccerr(conn);
}

static inline void bk_ngtcp2_set_original_dcid(ngtcp2_transport_params *p, const ngtcp2_cid *dcid)
{
	p->original_dcid = *dcid;
	p->original_dcid_present = 1;
}

#endif

#endif
