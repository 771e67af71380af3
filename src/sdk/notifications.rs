//! Notifications: templates, preferences, the inbox.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::Validate;
use crate::time::Time;

/// Whether notifications are sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationsSettings {
    pub notifier_paused: bool,
}

impl Validate for NotificationsSettings {}

/// A kind of message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotificationTemplate {
    pub id: Uuid,
    pub name: String,
    pub title_template: String,
    pub body_template: String,
    pub actions: String,
    pub group: String,
    pub method: String,
    pub kind: String,
    pub enabled_by_default: bool,
}

/// The ways there are to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotificationMethodsResponse {
    pub available: Vec<String>,
    pub default: String,
}

/// Whether a user wants a kind of message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotificationPreference {
    pub id: Uuid,
    pub disabled: bool,
    pub updated_at: Time,
}

/// Changes which kinds of message a user wants.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserNotificationPreferences {
    pub template_disabled_map: BTreeMap<String, bool>,
}

impl Validate for UpdateUserNotificationPreferences {}

/// Changes how a kind of message is sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateNotificationTemplateMethod {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
}

impl Validate for UpdateNotificationTemplateMethod {}

/// Sends oneself a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomNotificationRequest {
    pub content: Option<CustomNotificationContent>,
}

impl Validate for CustomNotificationRequest {}

/// What it says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomNotificationContent {
    pub title: String,
    pub message: String,
}

/// A message in the inbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InboxNotification {
    pub id: Uuid,
    pub user_id: Uuid,
    pub template_id: Uuid,
    pub targets: Option<Vec<Uuid>>,
    pub title: String,
    pub content: String,
    pub icon: String,
    pub actions: Vec<InboxNotificationAction>,
    pub read_at: Option<Time>,
    pub created_at: Time,
}

/// A link in a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InboxNotificationAction {
    pub label: String,
    pub url: String,
}

/// A page of the inbox, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListInboxNotificationsResponse {
    pub notifications: Vec<InboxNotification>,
    pub unread_count: i64,
}

/// A message that just came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GetInboxNotificationResponse {
    pub notification: InboxNotification,
    pub unread_count: i64,
}

/// Marks a message as read or not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateInboxNotificationReadStatusRequest {
    pub is_read: bool,
}

impl Validate for UpdateInboxNotificationReadStatusRequest {}

/// The message as it is now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateInboxNotificationReadStatusResponse {
    pub notification: InboxNotification,
    pub unread_count: i64,
}

/// Where a browser takes messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebpushSubscription {
    pub endpoint: String,
    pub auth_key: String,
    pub p256dh_key: String,
}

impl Validate for WebpushSubscription {}

/// Where it no longer does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteWebpushSubscription {
    pub endpoint: String,
}

impl Validate for DeleteWebpushSubscription {}
