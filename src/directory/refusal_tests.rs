use super::*;

fn bind(code: u32, text: &str, encrypted: bool) -> (FailureKind, String) {
    let failure = of_bind("dc1:636", code, text, encrypted).failure();
    assert!(
        !failure.detail.contains('\n'),
        "one line: {}",
        failure.detail
    );
    (failure.kind, failure.detail)
}

fn accept_security_context(data: &str) -> String {
    format!(
        "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {data}, v3839\0"
    )
}

#[test]
fn sub_codes_of_49_are_explained() {
    for (data, words) in [
        ("52e", "wrong user or password"),
        ("525", "does not exist"),
        ("530", "hour"),
        ("531", "machine"),
        ("532", "expired"),
        ("533", "disabled"),
        ("701", "account has expired"),
        ("773", "must be changed"),
        ("775", "locked out"),
        ("999", "wrong user or password"),
    ] {
        let (kind, detail) = bind(49, &accept_security_context(data), true);
        assert_eq!(kind, FailureKind::Credentials);
        assert!(detail.contains(words), "{data}: {detail}");
        assert!(detail.contains(data), "the server's words stay: {detail}");
    }
    assert_eq!(bind(49, "", true).0, FailureKind::Credentials);
}

#[test]
fn binds_that_are_too_weak() {
    let (kind, detail) = bind(8, "BindSimple: Transport encryption required.", false);
    assert_eq!(kind, FailureKind::StrongerAuthRequired);
    assert!(detail.contains("LDAPS or StartTLS"), "{detail}");
    let binding = "80090346: LdapErr: DSID-0C0905F4, comment: AcceptSecurityContext error, data 80090346, v4563";
    for code in [49, 53] {
        let (kind, detail) = bind(code, binding, true);
        assert_eq!(kind, FailureKind::StrongerAuthRequired);
        assert!(detail.contains("channel binding"), "{detail}");
    }
    assert_eq!(bind(53, "", true).0, FailureKind::StrongerAuthRequired);
    assert_eq!(bind(13, "", false).0, FailureKind::StrongerAuthRequired);
    assert_eq!(bind(52, "", true).0, FailureKind::Busy);
}

#[test]
fn searches_that_are_refused() {
    let kind = |code, text: &str| of_search("dc1:636", "the search", code, text).kind();
    let samba = "00002020: Operation unavailable without authentication";
    let windows = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563";
    assert_eq!(kind(1, samba), FailureKind::Permission);
    assert_eq!(kind(1, windows), FailureKind::Permission);
    assert_eq!(kind(1, ""), FailureKind::Protocol);
    assert_eq!(kind(32, ""), FailureKind::Permission);
    assert_eq!(kind(50, ""), FailureKind::Permission);
    assert_eq!(kind(51, ""), FailureKind::Busy);
    assert_eq!(kind(52, ""), FailureKind::Busy);
    assert_eq!(kind(12, ""), FailureKind::Protocol);
    assert_eq!(kind(10, ""), FailureKind::Protocol);
}

#[test]
fn words_of_the_server_are_tamed() {
    let long = format!("a\nb\r\0{}", "x".repeat(5000));
    let detail = of_search("dc1:636", "the search", 80, &long)
        .failure()
        .detail;
    assert!(detail.len() < 900 && !detail.contains('\n') && !detail.contains('\0'));
}
